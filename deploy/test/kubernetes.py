"""Installs the Helm chart of deploy/kubernetes into a real kube-apiserver with its etcd: `make kubernetes-test`. It is not part of
`make deploy-test`, because building the two takes a quarter of an hour once.

For each file of values every object is applied by the server, strictly and as the profile `restricted` asks, and helm installs and
upgrades. Then what must be refused: a misspelt field, a wrong name, and an object beyond a quota. No pod runs: there is
no kubelet and no controller here.
"""

import json
import os
import pathlib
import ssl
import subprocess
import sys
import urllib.error
import urllib.request

from parts import CACHE, ROOT, fail, port, programs, run, step, until

HOME = ROOT / "deploy/kubernetes"
CHART, VALUES = HOME / "af-registry", ["small", "external", "three"]
sys.path.insert(0, str(CACHE / "kubernetes-1.37.0"))
MONITORING = {"ServiceMonitor": "servicemonitors", "PrometheusRule": "prometheusrules"}


class Api:
    """An API server that knows one administrator."""

    def __init__(self, started):
        self.top, self.port = started.scratch / "kubernetes", port()
        etcd, peers = port(), port()
        self.top.mkdir()
        started.start("etcd", CACHE / "bin/etcd", "--data-dir", self.top / "etcd", "--listen-client-urls", f"http://127.0.0.1:{etcd}", "--advertise-client-urls", f"http://127.0.0.1:{etcd}",
                      "--listen-peer-urls", f"http://127.0.0.1:{peers}", "--unsafe-no-fsync")
        until("etcd answers", lambda: urllib.request.urlopen(f"http://127.0.0.1:{etcd}/health", timeout=2).status == 200)
        run("openssl", "genrsa", "-out", self.top / "accounts.key", "2048")
        (self.top / "tokens").write_text('administrator,administrator,1,"system:masters"\n')
        started.start("apiserver", CACHE / "bin/kube-apiserver", f"--etcd-servers=http://127.0.0.1:{etcd}", f"--secure-port={self.port}", "--bind-address=127.0.0.1", "--advertise-address=127.0.0.1",
                      f"--cert-dir={self.top}", f"--token-auth-file={self.top}/tokens", "--authorization-mode=RBAC", "--service-cluster-ip-range=10.0.0.0/24", "--endpoint-reconciler-type=none",
                      "--service-account-issuer=https://kubernetes.default.svc", f"--service-account-key-file={self.top}/accounts.key", f"--service-account-signing-key-file={self.top}/accounts.key")
        until("the API server has a certificate", (self.top / "apiserver.crt").exists)
        self.tls = ssl.create_default_context(cafile=self.top / "apiserver.crt")
        until("the API server is ready", lambda: self("GET", "/readyz")[0] == 200)
        cluster = {"server": f"https://127.0.0.1:{self.port}", "certificate-authority": str(self.top / "apiserver.crt")}
        (self.top / "config").write_text(json.dumps({"apiVersion": "v1", "kind": "Config", "current-context": "test", "clusters": [{"name": "test", "cluster": cluster}],
                                                     "users": [{"name": "test", "user": {"token": "administrator"}}], "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}]}))

    def __call__(self, method, path, body=None, kind="application/json"):
        """Status, answer and warnings."""
        ask = urllib.request.Request(f"https://127.0.0.1:{self.port}{path}", method=method, data=None if body is None else json.dumps(body).encode(),
                                     headers={"Authorization": "Bearer administrator", "Content-Type": kind, "Accept": "application/json"})
        try:
            answer = urllib.request.urlopen(ask, timeout=30, context=self.tls)
        except urllib.error.HTTPError as refusal:
            answer = refusal
        text = answer.read().decode()
        return answer.status, json.loads(text) if text.startswith("{") else text, answer.headers.get_all("Warning") or []

    def apply(self, namespace, found):
        """Applies an object by the server, strictly. Returns what is wrong with it, or nothing."""
        version = found["apiVersion"]
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        known = {each["kind"]: each for each in self("GET", root)[1]["resources"] if "/" not in each["name"]}
        if found["kind"] not in known:
            return f"no kind {found['kind']} in {version}"
        place = f"/namespaces/{namespace}" if known[found["kind"]]["namespaced"] else ""
        path = f"{root}{place}/{known[found['kind']]['name']}/{found['metadata']['name']}?fieldManager=test&fieldValidation=Strict&dryRun=All"
        status, answer, warnings = self("PATCH", path, found, "application/apply-patch+yaml")
        return (answer["message"] if status not in (200, 201) else "") + " ".join(warnings)

    def helm(self, *words):
        done = subprocess.run([str(CACHE / "bin/helm"), "--kubeconfig", str(self.top / "config"), *map(str, words)], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                              env=os.environ | {"HOME": str(self.top)})
        return done.returncode, done.stdout, done.stderr

    def namespace(self, name):
        if (made := self("POST", "/api/v1/namespaces", {"metadata": {"name": name, "labels": {"pod-security.kubernetes.io/warn": "restricted"}}}))[0] != 201:
            fail(f"no namespace {name}: {made}")


def structural(schema):
    """A schema without `additionalProperties: false`, which the API server takes from nobody, and does by itself when it is strict."""
    if isinstance(schema, list):
        return [structural(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return {name: structural(part) for name, part in schema.items() if (name, part) != ("additionalProperties", False)}


def kinds(api):
    """The two kinds of the Prometheus Operator, with the schemas of deploy/kubernetes/schemas."""
    for kind, plural in MONITORING.items():
        schema = json.loads((HOME / f"schemas/{kind.lower()}-monitoring-v1.json").read_text())
        parts = {"type": "object", "properties": {"spec": structural(schema["properties"]["spec"])}}
        group = "monitoring.coreos.com"
        names = {"kind": kind, "plural": plural, "singular": kind.lower(), "listKind": f"{kind}List"}
        made = api("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", {"metadata": {"name": f"{plural}.{group}"}, "spec": {
            "group": group, "scope": "Namespaced", "names": names, "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": parts}}]}})
        if made[0] != 201:
            fail(f"no kind {kind}: {made}")
        until(f"{kind} is served", lambda kind=kind: f'"{kind}"' in json.dumps(api("GET", "/apis/monitoring.coreos.com/v1")[1]))


def chart(api, yaml, values):
    """Applies, installs and upgrades with a file of values."""
    api.namespace(values)
    where = ["registry", CHART, "--namespace", values, "--values", HOME / f"values-{values}.yaml"]
    code, text, error = api.helm("template", *where)
    if code:
        fail(f"values-{values}.yaml does not render: {error}")
    objects = [found for found in yaml.safe_load_all(text) if found]
    if wrong := [f"{found['kind']} {found['metadata']['name']}: {said}" for found in objects if (said := api.apply(values, found))]:
        fail(f"values-{values}.yaml: {wrong}")
    for words in (["install", *where], ["upgrade", *where, "--set", "settings.LOG_LEVEL=debug"]):
        code, text, error = api.helm(*words)
        if code:
            fail(f"helm {words[0]} with values-{values}.yaml: {text}{error}")
    found = api("GET", f"/apis/apps/v1/namespaces/{values}/deployments/registry-af-registry")[1]
    env = {entry["name"]: entry.get("value") for entry in found["spec"]["template"]["spec"]["containers"][0]["env"]}
    if env.get("OPEN_REGISTRY_LOG_LEVEL") != "debug":
        fail("the upgrade did not arrive")
    step(f"values-{values}.yaml: {len(objects)} objects applied strictly and without a warning, helm installed and upgraded them")
    return objects


def refused(api, objects):
    """What the API server must refuse."""
    deployment = json.dumps(next(found for found in objects if found["kind"] == "Deployment"))
    for right, wrong, said in (('"readinessProbe"', '"readynessProbe"', "readynessProbe"), ('"containers"', '"containerz"', "containerz"), ('"name": "registry-af-registry"', '"name": "Registry_1"', "Registry_1")):
        if right not in deployment:
            fail(f"the Deployment has no {right}")
        if said not in (found := api.apply("small", json.loads(deployment.replace(right, wrong)))):
            fail(f"{wrong} is not refused: {found}")
    api.namespace("full")
    quota = api("POST", "/api/v1/namespaces/full/resourcequotas", {"metadata": {"name": "none"}, "spec": {"hard": {"count/deployments.apps": "0"}}})[1]
    # The controller of quotas would write this.
    quota["status"] = {"hard": {"count/deployments.apps": "0"}, "used": {"count/deployments.apps": "0"}}
    if (done := api("PUT", "/api/v1/namespaces/full/resourcequotas/none/status", quota))[0] != 200:
        fail(f"no quota: {done}")
    code, _, error = api.helm("install", "registry", CHART, "--namespace", "full", "--values", HOME / "values-small.yaml")
    if code == 0 or "exceeded quota" not in error:
        fail(f"helm installs beyond a quota: {error}")
    step("a misspelt field, a wrong name and an object beyond a quota are refused, and helm says so")


def main():
    import yaml  # of the packages in the cache

    with programs() as started:
        api = Api(started)
        kinds(api)
        step(f"kube-apiserver {api('GET', '/version')[1]['gitVersion']} is ready")
        objects = [chart(api, yaml, values) for values in VALUES]
        refused(api, objects[0])
    step("passed; it covered what the API server checks. No pod ran")


main()

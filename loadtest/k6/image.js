// Pushes and pulls of whole images, and what the scripts measure of them.

import crypto from 'k6/crypto';
import { check, fail, group } from 'k6';
import { Counter, Trend } from 'k6/metrics';
import { login, request, send, sendAll } from './client.js';

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const CONFIG = 'application/vnd.oci.image.config.v1+json';
const LAYER = 'application/vnd.oci.image.layer.v1.tar';
/** Smaller layers say nothing about throughput. */
const MEASURED = 64 * 1024;
const PAGES = 100;

/** From the beginning of a pull, with its login, to the last byte of the manifest. */
const timeToManifest = new Trend('time_to_manifest', true);
const pullImage = new Trend('pull_image', true);
const pushImage = new Trend('push_image', true);
/** Megabytes (10^6 bytes) per second of single layers, from the request to the last byte. */
const layerSpeed = new Trend('layer_mb_per_s');
/** Manifests and blobs whose bytes do not have the digest or the size that was asked for. */
const mismatches = new Counter('digest_mismatches');

/** Pushes an image of random layers, which nothing can deduplicate, and returns its name and digest. */
export function push(repository, tag, sizes) {
    return group('push', () => {
        const began = Date.now();
        login(repository, 'pull,push');
        const layers = sizes.map((size) => blob(LAYER, crypto.randomBytes(size)));
        const rootfs = { type: 'layers', diff_ids: layers.map((layer) => layer.descriptor.digest) };
        const config = blob(CONFIG, JSON.stringify({ architecture: 'amd64', os: 'linux', config: {}, rootfs }));
        upload(repository, [...layers, config]);
        const manifest = JSON.stringify({
            schemaVersion: 2,
            mediaType: MANIFEST,
            config: config.descriptor,
            layers: layers.map((layer) => layer.descriptor),
        });
        const digest = digestOf(manifest);
        const path = `/v2/${repository}/manifests/${tag}`;
        const headers = { 'Content-Type': MANIFEST };
        const answer = send('PUT manifest', 'PUT', path, [201], { body: manifest, headers });
        const named = answer.headers['Docker-Content-Digest'];
        demand(answer, 'manifest is stored', answer.status === 201 && named === digest);
        pushImage.add(Date.now() - began);
        return { repository, tag, digest };
    });
}

/** Uploads blobs as clients do: asks whether each is there, begins an upload for each, and sends them side by side. */
function upload(repository, blobs) {
    const path = (made) => `/v2/${repository}/blobs/${made.descriptor.digest}`;
    const asked = sendAll(blobs.map((made) => request('HEAD blob', 'HEAD', path(made), [200, 404])));
    const missing = blobs.filter((_, number) => {
        demand(asked[number], 'blob is there or not', [200, 404].includes(asked[number].status));
        return asked[number].status === 404;
    });
    const begin = () => request('POST upload', 'POST', `/v2/${repository}/blobs/uploads/`, [202]);
    const begun = sendAll(missing.map(begin));
    const closing = missing.map(({ content, descriptor }, number) => {
        const at = begun[number].headers.Location;
        demand(begun[number], 'upload begins', begun[number].status === 202 && at !== undefined);
        const to = `${at}${at.includes('?') ? '&' : '?'}digest=${descriptor.digest}`;
        const headers = { 'Content-Type': 'application/octet-stream' };
        return request('PUT blob', 'PUT', to, [201], { body: content, headers });
    });
    sendAll(closing).forEach((answer) => demand(answer, 'blob is stored', answer.status === 201));
}

/** Pulls an image by its tag, and compares every digest. */
export function pull({ repository, tag, digest }) {
    group('pull', () => {
        const began = Date.now();
        login(repository, 'pull');
        const answer = send('GET manifest', 'GET', `/v2/${repository}/manifests/${tag}`, [200], {
            headers: { Accept: MANIFEST },
            responseType: 'binary',
        });
        demand(answer, 'manifest is there', answer.status === 200);
        timeToManifest.add(Date.now() - began);
        compare(answer, { digest, size: answer.body.byteLength });
        const manifest = JSON.parse(String.fromCharCode(...new Uint8Array(answer.body)));
        const blobs = [manifest.config, ...manifest.layers];
        const answers = sendAll(
            blobs.map((wanted) =>
                request('GET blob', 'GET', `/v2/${repository}/blobs/${wanted.digest}`, [200], { responseType: 'binary' }),
            ),
        );
        answers.forEach((got, number) => {
            demand(got, 'blob is there', got.status === 200);
            compare(got, blobs[number]);
            if (blobs[number].size >= MEASURED) {
                layerSpeed.add(blobs[number].size / 1e3 / got.timings.duration);
            }
        });
        pullImage.add(Date.now() - began);
    });
}

/** Deletes the images of a repository, so that the collection of garbage can free their bytes. */
export function remove(repository) {
    login(repository, 'pull,delete');
    const list = `/v2/${repository}/tags/list?n=100`;
    for (let page = 0; page < PAGES; page += 1) {
        const answer = send('GET tags', 'GET', list, [200, 404], { responseType: 'text' });
        const tags = (answer.status === 200 && JSON.parse(answer.body).tags) || [];
        if (tags.length === 0) {
            return;
        }
        for (const tag of tags) {
            const manifest = `/v2/${repository}/manifests`;
            const found = send('HEAD manifest', 'HEAD', `${manifest}/${tag}`, [200, 404], { headers: { Accept: MANIFEST } });
            if (found.status !== 200) {
                continue; // Deleted with another tag of the same image.
            }
            const digest = found.headers['Docker-Content-Digest'];
            const deleted = send('DELETE manifest', 'DELETE', `${manifest}/${digest}`, [202, 401, 403, 404, 405]);
            if (deleted.status !== 202 && deleted.status !== 404) {
                console.warn(`${repository} stays: its images may not be deleted (status ${deleted.status})`);
                return;
            }
        }
    }
}

function blob(mediaType, content) {
    const size = typeof content === 'string' ? content.length : content.byteLength;
    return { content, descriptor: { mediaType, digest: digestOf(content), size } };
}

function digestOf(content) {
    return `sha256:${crypto.sha256(content, 'hex')}`;
}

function compare(answer, { digest, size }) {
    const same = answer.body.byteLength === size && digestOf(answer.body) === digest;
    mismatches.add(same ? 0 : 1);
    check(same, { 'bytes have their digest': (same) => same });
}

/** Ends this iteration if a condition does not hold. The other virtual users go on. */
function demand(answer, what, holds) {
    if (!check(holds, { [what]: (holds) => holds })) {
        fail(`${answer.request.method} ${answer.url}: ${answer.status} ${answer.error || ''}`);
    }
}

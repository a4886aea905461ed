// Requests as clients of a registry send them: with a token, and again after the time that Retry-After names.

import encoding from 'k6/encoding';
import http from 'k6/http';
import { fail, sleep } from 'k6';
import { Counter } from 'k6/metrics';
import { account, allowed, registry } from './settings.js';

/** Answers 429 and 503 that name a time to wait. They are no failures until a request was refused six times. */
const refusals = new Counter('refusals');

const REPEATS = 5;

/** The token of this virtual user, its scope, and the time until which it is used. */
let token = { scope: '', header: '', until: 0 };

/**
 * A request. `step` names it in the metrics, so that not every digest becomes a name of its own. `expected` are the
 * statuses that do not count as failures.
 */
export function request(step, method, path, expected, { body = null, headers = {}, responseType = 'none' } = {}) {
    const url = path.startsWith('/') ? registry + path : allowed(path);
    const login = token.header ? { Authorization: token.header } : {};
    const params = {
        headers: { ...login, ...headers },
        redirects: 0,
        responseCallback: http.expectedStatuses(...expected, 429, 503),
        responseType,
        tags: { name: step },
        timeout: '60s',
    };
    return { method, url, body, params };
}

/** Sends one request. */
export function send(...parts) {
    return sendAll([request(...parts)])[0];
}

/** Sends requests at the same time, as clients do with layers, and repeats those that were refused. */
export function sendAll(requests) {
    const answers = requests.length === 1 ? [alone(requests[0])] : http.batch(requests);
    return requests.map((again, number) => {
        let answer = answers[number];
        for (let tried = 0; refused(answer) && tried < REPEATS; tried += 1) {
            refusals.add(1);
            sleep(Math.min(Number(answer.headers['Retry-After']) || 1, 10));
            answer = alone(again);
        }
        return answer;
    });
}

function alone({ method, url, body, params }) {
    return http.request(method, url, body, params);
}

function refused(answer) {
    return (answer.status === 429 || answer.status === 503) && answer.headers['Retry-After'] !== undefined;
}

/** Gets a token for these actions, if the registry asks for one and this virtual user has none that lasts. */
export function login(repository, actions) {
    const scope = `repository:${repository}:${actions}`;
    if (token.scope === scope && Date.now() < token.until) {
        return;
    }
    token = { scope, header: '', until: 0 };
    const challenge = send('GET /v2/', 'GET', '/v2/', [200, 401]);
    if (challenge.status === 200) {
        token.until = Infinity;
        return;
    }
    const bearer = /^Bearer realm="([^"]*)",service="([^"]*)"/.exec(challenge.headers['Www-Authenticate'] || '');
    if (!bearer) {
        fail(`GET /v2/: ${challenge.status} ${challenge.error}, and no challenge that leads to a token`);
    }
    const basic = account ? { Authorization: `Basic ${encoding.b64encode(account)}` } : {};
    const question = `service=${encodeURIComponent(bearer[2])}&scope=${encodeURIComponent(scope)}`;
    const given = send('GET token', 'GET', `${bearer[1]}?${question}`, [200], { headers: basic, responseType: 'text' });
    if (given.status !== 200) {
        fail(`no token for ACCOUNT: ${given.status} ${given.body}`);
    }
    const { token: value, expires_in: life } = JSON.parse(given.body);
    token = { scope, header: `Bearer ${value}`, until: Date.now() + 750 * life };
}

// The module `k6/http`. The main thread sends the requests while this thread waits.

import { parentPort } from 'node:worker_threads';
import { afterInit, ask, sample, state } from './state.js';

const PARAMS = ['headers', 'redirects', 'responseCallback', 'responseType', 'tags', 'timeout'];
const tell = parentPort.postMessage.bind(parentPort);

class Statuses {
    constructor(given) {
        this.given = given;
    }

    has(status) {
        return this.given.some((one) => one === status || (one.min <= status && status <= one.max));
    }
}

const USUAL = new Statuses([{ min: 200, max: 399 }]);

export function expectedStatuses(...given) {
    return new Statuses(given);
}

function prepared(method, url, body, params) {
    const unknown = Object.keys(params || {}).filter((name) => !PARAMS.includes(name));
    if (unknown.length > 0) {
        throw new Error(`the stand-in does not know the parameter ${unknown[0]} of a request`);
    }
    if (body !== null && body !== undefined && typeof body !== 'string' && !(body instanceof ArrayBuffer)) {
        throw new Error('the body of a request must be a string or an ArrayBuffer');
    }
    const { headers = {}, redirects = 10, responseType, responseCallback = USUAL, tags = {}, timeout = '60s' } = params || {};
    const usual = state.options.discardResponseBodies ? 'none' : 'text';
    return {
        sent: { method, url, body: body ?? null, headers, redirects, timeout, responseType: responseType || usual },
        responseCallback,
        tags,
    };
}

function exchange(requests) {
    const answers = ask(tell, { requests: requests.map((request) => request.sent), limit: state.options.batchPerHost ?? 6 });
    return answers.map((answer, number) => response(requests[number], answer));
}

function response({ sent, responseCallback, tags }, answer) {
    const expected = responseCallback.has(answer.status);
    const { method, url } = sent;
    const all = { method, url, name: url, status: String(answer.status), expected_response: String(expected), ...tags };
    sample('http_reqs', 1, all);
    sample('http_req_failed', expected ? 0 : 1, all);
    for (const step of ['blocked', 'sending', 'waiting', 'receiving', 'duration']) {
        sample(`http_req_${step}`, answer.timings[step], all);
    }
    sample('data_sent', answer.sent, all);
    sample('data_received', answer.received, all);
    const request = { method, url, body: typeof sent.body === 'string' ? sent.body : '', headers: sent.headers };
    const { sent: _, received: __, ...shown } = answer;
    return { ...shown, request, url, json: () => JSON.parse(answer.body) };
}

export function request(method, url, body, params) {
    afterInit('http');
    return exchange([prepared(method, url, body, params)])[0];
}

export function batch(requests) {
    afterInit('http');
    return exchange(
        requests.map((one) => {
            const { method, url, body, params } = Array.isArray(one)
                ? { method: one[0], url: one[1], body: one[2], params: one[3] }
                : one;
            return prepared(method, url, body, params);
        }),
    );
}

export const get = (url, params) => request('GET', url, null, params);
export const head = (url, params) => request('HEAD', url, null, params);
export const post = (url, body, params) => request('POST', url, body, params);
export const put = (url, body, params) => request('PUT', url, body, params);
export const patch = (url, body, params) => request('PATCH', url, body, params);
export const del = (url, body, params) => request('DELETE', url, body, params);

export default { request, batch, get, head, post, put, patch, del, expectedStatuses };

// Sends the requests of one virtual user, over connections of its own, and times their steps.

import http from 'node:http';
import https from 'node:https';
import { performance } from 'node:perf_hooks';
import { milliseconds } from './times.js';

const CLIENTS = { 'http:': http, 'https:': https };

export class Requests {
    constructor() {
        this.agents = new Map();
    }

    /** Sends requests, at most `limit` at a time, and returns their answers in the same order. */
    async sendAll(requests, limit) {
        const answers = [];
        const queue = requests.entries();
        const worker = async () => {
            for (const [number, request] of queue) {
                answers[number] = await this.send(request);
            }
        };
        await Promise.all(Array.from({ length: Math.min(limit, requests.length) }, worker));
        return answers;
    }

    send({ method, url, body, headers, redirects, timeout, responseType }) {
        const began = performance.now();
        const times = { connected: began, sent: began, answered: began };
        const content = body === null ? null : Buffer.from(body);
        const length = content || !['GET', 'HEAD'].includes(method) ? { 'Content-Length': content ? content.length : 0 } : {};
        return new Promise((resolve) => {
            const finish = (status, error, answer, chunks) => {
                if (status >= 300 && status < 400 && redirects > 0) {
                    [status, error] = [0, 'the stand-in follows no redirect'];
                }
                const bytes = Buffer.concat(chunks);
                resolve({
                    status,
                    error,
                    headers: named(answer ? answer.headers : {}),
                    body: shaped(bytes, responseType),
                    timings: timings(began, times),
                    sent: content ? content.length : 0,
                    received: bytes.length,
                });
            };
            const options = { method, headers: { ...length, ...headers }, agent: this.agent(url) };
            const request = this.client(url).request(url, options, (answer) => {
                const chunks = [];
                times.answered = performance.now();
                answer.on('data', (chunk) => chunks.push(chunk));
                answer.on('end', () => finish(answer.statusCode, '', answer, chunks));
                answer.on('error', (error) => finish(0, error.message, answer, []));
            });
            request.on('socket', () => (times.connected = performance.now()));
            request.on('finish', () => (times.sent = performance.now()));
            request.on('error', (error) => finish(0, error.message, null, []));
            request.setTimeout(milliseconds(timeout), () => request.destroy(new Error('request timeout')));
            request.end(content);
        });
    }

    client(url) {
        const client = CLIENTS[new URL(url).protocol];
        if (!client) {
            throw new Error(`${url} is no address of a web server`);
        }
        return client;
    }

    agent(url) {
        const { protocol } = new URL(url);
        if (!this.agents.has(protocol)) {
            this.agents.set(protocol, new (this.client(url).Agent)({ keepAlive: true }));
        }
        return this.agents.get(protocol);
    }

    close() {
        this.agents.forEach((agent) => agent.destroy());
    }
}

/** Headers under the names that Go gives them: `docker-content-digest` is `Docker-Content-Digest`. */
function named(headers) {
    const proper = (name) => name.replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase());
    return Object.fromEntries(Object.entries(headers).map(([name, value]) => [proper(name), String(value)]));
}

function shaped(bytes, type) {
    if (type === 'text') {
        return bytes.toString('utf8');
    }
    return type === 'binary' ? bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) : null;
}

function timings(began, { connected, sent, answered }) {
    const ended = performance.now();
    const early = Math.min(sent, answered);
    return {
        blocked: connected - began,
        sending: Math.max(early - connected, 0),
        waiting: answered - early,
        receiving: ended - answered,
        duration: ended - connected,
    };
}

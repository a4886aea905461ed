// The module `k6`.

import { afterInit, sample, state } from './state.js';

/** Ends an iteration without ending the test. */
export class Failure extends Error {}

export function check(value, checks, tags = {}) {
    afterInit('check');
    let all = true;
    for (const [name, holds] of Object.entries(checks)) {
        const passed = Boolean(holds(value));
        sample('checks', passed ? 1 : 0, { check: name, ...tags });
        all = all && passed;
    }
    return all;
}

export function fail(message = '') {
    throw new Failure(message);
}

export function group(name, run) {
    afterInit('group');
    const began = Date.now();
    state.groups.push(name);
    try {
        return run();
    } finally {
        sample('group_duration', Date.now() - began);
        state.groups.pop();
    }
}

export function sleep(seconds) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, seconds * 1000);
}

export default { check, fail, group, sleep };

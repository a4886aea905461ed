// What the modules of one virtual user share: where it is, what it has measured, and the way to the main thread, which
// sends the requests.

import { receiveMessageOnPort, workerData } from 'node:worker_threads';

const { replies, signal } = workerData;

export const state = {
    /** `init` while the script is loaded, then the name of what runs. */
    stage: 'init',
    metrics: [],
    samples: [],
    groups: [],
    /** Where this iteration stands, as `k6/execution` shows it. */
    at: { scenario: {}, vu: {}, tags: {} },
    options: {},
};

/** Throws in the part of a script that k6 runs once for every virtual user, before there is a test. */
export function afterInit(what) {
    if (state.stage === 'init') {
        throw new Error(`${what} is not available in the init context`);
    }
}

/** Asks the main thread, and blocks until it answers. */
export function ask(post, question) {
    Atomics.store(signal, 0, 0);
    post({ question });
    Atomics.wait(signal, 0, 0);
    return receiveMessageOnPort(replies).message;
}

/** Adds a value to a metric, under the tags of this iteration and of the call. */
export function sample(metric, value, tags = {}) {
    const group = state.groups.map((name) => `::${name}`).join('');
    state.samples.push({ metric, value, tags: { ...state.at.tags, group, ...tags } });
}

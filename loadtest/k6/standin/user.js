// The thread of one virtual user. It loads the script under the names that k6 gives to its modules, without what node has
// and k6 has not, and runs the functions that the main thread names.

import { parentPort, workerData } from 'node:worker_threads';
import { Abort } from './api/execution.js';
import './api/crypto.js';
import './api/encoding.js';
import './api/http.js';
import { Failure } from './api/k6.js';
import { sample, state } from './api/state.js';

const NODE_ONLY = [
    'AbortController', 'AbortSignal', 'Blob', 'BroadcastChannel', 'Buffer', 'Event', 'EventTarget', 'FormData', 'Headers',
    'Intl', 'MessageChannel', 'MessageEvent', 'MessagePort', 'Request', 'Response', 'TextDecoder', 'TextEncoder', 'URL',
    'URLSearchParams', 'WebAssembly', 'WebSocket', 'atob', 'btoa', 'clearImmediate', 'fetch', 'global', 'navigator',
    'performance', 'process', 'queueMicrotask', 'setImmediate', 'structuredClone',
];

const tell = parentPort.postMessage.bind(parentPort);
const log = (level) => (...words) => tell({ log: { level, text: words.map(String).join(' ') } });

for (const name of NODE_ONLY) {
    delete globalThis[name];
}
globalThis.console = { log: log('info'), info: log('info'), warn: log('warning'), error: log('error'), debug: log('debug') };
globalThis.__ENV = { ...workerData.env };
globalThis.__VU = workerData.vu;
globalThis.__ITER = 0;

/** Runs one function of the script, and returns what it measured, what it returned and how it ended. */
async function run(script, { stage, name, argument, at }) {
    Object.assign(state, { stage, at, groups: [], samples: [] });
    globalThis.__ITER = at.vu.iterationInScenario ?? 0;
    const began = Date.now();
    const ended = { error: null, failed: false, aborted: false, returned: null };
    try {
        const returned = await script[name](argument);
        ended.returned = JSON.stringify(returned) ?? null;
    } catch (error) {
        ended.failed = error instanceof Failure;
        ended.aborted = error instanceof Abort;
        ended.error = ended.failed || ended.aborted ? error.message : String(error.stack || error);
    }
    if (stage === 'iteration') {
        sample('iterations', 1);
        sample('iteration_duration', Date.now() - began);
    }
    return { ...ended, samples: state.samples };
}

try {
    const script = await import(workerData.script);
    Object.assign(state, { stage: 'loaded', options: script.options || {} });
    const functions = Object.keys(script).filter((name) => typeof script[name] === 'function');
    parentPort.on('message', async (order) => tell({ ended: await run(script, order) }));
    tell({ loaded: { functions, metrics: state.metrics, options: JSON.parse(JSON.stringify(state.options)) } });
} catch (error) {
    tell({ broken: String(error.stack || error) });
}

// The main thread's end of a virtual user.

import { MessageChannel, Worker } from 'node:worker_threads';
import { Requests } from './requests.js';

export class Thread {
    /** Starts a thread that loads the script. `record` gets what it measures, `say` its log. */
    constructor(script, env, vu, record, say) {
        const { port1, port2 } = new MessageChannel();
        this.signal = new Int32Array(new SharedArrayBuffer(4));
        this.port = port1;
        this.port.unref();
        this.requests = new Requests();
        this.record = record;
        this.say = say;
        this.vu = vu;
        this.worker = new Worker(new URL('./user.js', import.meta.url), {
            workerData: { script, env, vu, signal: this.signal, replies: port2 },
            transferList: [port2],
        });
        this.loaded = new Promise((resolve, reject) => {
            this.worker.on('message', (message) => this.heard(message, resolve, reject));
            this.worker.on('error', reject);
        });
    }

    async heard({ question, log, loaded, broken, ended }, resolve, reject) {
        if (question) {
            const answers = await this.requests.sendAll(question.requests, question.limit);
            this.port.postMessage(answers);
            Atomics.store(this.signal, 0, 1);
            Atomics.notify(this.signal, 0);
        } else if (log) {
            this.say(log.level, log.text);
        } else if (loaded) {
            resolve(loaded);
        } else if (broken) {
            reject(new Error(broken));
        } else {
            this.record(ended.samples);
            this.finish(ended);
        }
    }

    /** Runs a function of the script, for at most `limit` milliseconds. The thread ends if it takes longer. */
    async run(stage, name, argument, at, limit) {
        const ended = new Promise((resolve) => (this.finish = resolve));
        let timer;
        const late = new Promise((resolve) => (timer = setTimeout(() => resolve(null), limit)));
        this.worker.postMessage({ stage, name, argument, at });
        const result = await Promise.race([ended, late]);
        clearTimeout(timer);
        if (result === null) {
            await this.end();
        }
        return result;
    }

    async end() {
        this.requests.close();
        this.port.close();
        await this.worker.terminate();
    }
}

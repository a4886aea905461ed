// Runs a script of k6 by node, so that the scripts of this folder are tested where k6 is not installed:
//
//   node loadtest/k6/standin/run.js [-e NAME=VALUE]... SCRIPT
//
// It knows the part of k6 that these scripts use: the modules of ../package.json, five executors, setup and teardown,
// thresholds, groups, tags and `handleSummary`. It is stricter than k6: an exception ends the test, and a threshold that
// nothing was measured for does not hold. Each virtual user is a thread, and the main thread sends the requests, so it
// measures nothing well. The exit codes are those of k6: 99 for thresholds that do not hold, 104 for bad options, 107 for
// exceptions, 108 for `abort`.

import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Figures } from './figures.js';
import { perform, users } from './scenarios.js';
import { Thread } from './thread.js';
import { milliseconds } from './times.js';

const MOST_USERS = 64;
const OPTIONS = ['batchPerHost', 'discardResponseBodies', 'scenarios', 'setupTimeout', 'summaryTrendStats', 'teardownTimeout', 'thresholds'];

/** Ends the test with one of the exit codes of k6. */
class Ended extends Error {
    constructor(code, message) {
        super(message);
        this.code = code;
    }
}

class Test {
    constructor(script, env) {
        Object.assign(this, { script, env, threads: [], counts: {}, stop: null });
        this.figures = null;
        this.record = (samples) => this.figures.record(samples);
        this.say = (level, text) => process.stderr.write(`${level}: ${text}\n`);
    }

    /** Starts a thread and waits until it has loaded the script. */
    async thread(vu) {
        const thread = new Thread(pathToFileURL(this.script).href, this.env, vu, this.record, this.say);
        this.threads.push(thread);
        try {
            return [thread, await thread.loaded];
        } catch (error) {
            throw new Ended(107, error.message);
        }
    }

    async run() {
        const [first, { functions, metrics, options }] = await this.thread(0);
        this.options = options;
        this.figures = new Figures(metrics);
        this.prepare(functions);
        const began = Date.now();
        const data = functions.includes('setup') ? await this.once(first, 'setup', options.setupTimeout) : undefined;
        await this.scenarios(data);
        if (functions.includes('teardown')) {
            await this.once(first, 'teardown', options.teardownTimeout, data);
        }
        const { data: summary, failed } = this.figures.summary(options, Date.now() - began, data);
        if (functions.includes('handleSummary')) {
            this.write(await this.once(first, 'handleSummary', '120s', summary));
        }
        if (this.stop) {
            throw this.stop;
        }
        if (failed.length > 0) {
            throw new Ended(99, `thresholds do not hold: ${failed.join('; ')}`);
        }
    }

    /** Finds what k6 would refuse, and what this stand-in does not know. */
    prepare(functions) {
        const unknown = Object.keys(this.options).filter((name) => !OPTIONS.includes(name));
        const plans = Object.entries(this.options.scenarios || {});
        const problems = [
            ...unknown.map((name) => `the stand-in does not know the option ${name}`),
            ...(plans.length === 0 ? ['the options name no scenario'] : []),
        ];
        for (const [name, plan] of plans) {
            if (users(plan) === undefined) {
                problems.push(`scenario ${name}: the stand-in does not know the executor ${plan.executor}`);
            }
            if (!functions.includes(plan.exec || 'default')) {
                problems.push(`scenario ${name}: the script exports no function ${plan.exec || 'default'}`);
            }
        }
        if (plans.reduce((sum, [, plan]) => sum + (users(plan) || 0), 0) > MOST_USERS) {
            problems.push(`the stand-in has a thread for each virtual user, and at most ${MOST_USERS}`);
        }
        try {
            this.figures.expect(this.options.thresholds);
        } catch (error) {
            problems.push(error.message);
        }
        if (problems.length > 0) {
            throw new Ended(104, problems.join('\n'));
        }
    }

    /** Runs a function that k6 runs once, and returns what it returned, as JSON carries it. */
    async once(thread, name, limit = '60s', argument) {
        const at = { scenario: {}, vu: { idInTest: 0, iterationInScenario: 0 }, tags: {} };
        const groups = { setup: { group: '::setup' }, teardown: { group: '::teardown' } }[name] || {};
        const ended = await thread.run(name, name, argument, { ...at, tags: groups }, milliseconds(limit));
        if (!ended) {
            throw new Ended(100, `${name}() takes longer than ${limit}`);
        }
        if (ended.error) {
            throw new Ended(107, `${name}(): ${ended.error}`);
        }
        return ended.returned === null ? undefined : JSON.parse(ended.returned);
    }

    async scenarios(data) {
        let vu = 0;
        const ready = [];
        for (const [name, plan] of Object.entries(this.options.scenarios)) {
            const started = await Promise.all(Array.from({ length: users(plan) }, () => this.thread((vu += 1))));
            ready.push([name, plan, started.map(([thread]) => thread)]);
        }
        // All begin at the same moment, when every thread has loaded the script.
        const running = ready.map(async ([name, plan, threads]) => {
            const iterate = (thread) => this.iteration(name, plan, thread, data);
            const dropped = await perform(plan, threads, iterate, () => this.stop !== null);
            this.record([{ metric: 'dropped_iterations', value: dropped, tags: { scenario: name } }]);
        });
        await Promise.all(running);
    }

    async iteration(name, plan, thread, data) {
        const iteration = (this.counts[name] = (this.counts[name] ?? -1) + 1);
        thread.iterations = (thread.iterations ?? -1) + 1;
        const at = {
            scenario: { name, executor: plan.executor, iterationInTest: iteration, iterationInInstance: iteration },
            vu: { idInTest: thread.vu, idInInstance: thread.vu, iterationInScenario: thread.iterations },
            tags: { scenario: name, ...plan.tags },
        };
        const limit = milliseconds(plan.maxDuration ?? plan.duration ?? '10m') + milliseconds(plan.gracefulStop ?? '30s');
        const ended = await thread.run('iteration', plan.exec || 'default', data, at, limit);
        if (!ended) {
            this.stop ??= new Ended(1, `an iteration of ${name} does not end`);
        } else if (ended.aborted) {
            this.stop ??= new Ended(108, `aborted: ${ended.error}`);
        } else if (ended.failed) {
            this.say('error', ended.error);
        } else if (ended.error) {
            this.stop ??= new Ended(107, ended.error);
        }
    }

    /** Writes what `handleSummary` returned: texts by the names of files, or of the standard streams. */
    write(texts) {
        for (const [name, text] of Object.entries(texts || {})) {
            const stream = { stdout: process.stdout, stderr: process.stderr }[name];
            stream ? stream.write(text) : writeFileSync(name, text);
        }
    }

    async end() {
        await Promise.all(this.threads.map((thread) => thread.end()));
    }
}

/** Throws if a script, or a file that it imports, imports what k6 does not have. Node would find more. */
function imports(file, seen = new Set()) {
    if (seen.has(file)) {
        return;
    }
    seen.add(file);
    for (const [, name] of readFileSync(file, 'utf8').matchAll(/^(?:import|export)\b(?:[^;'"]*\bfrom)?\s*['"]([^'"]+)['"]/gm)) {
        if (/^\.\.?\//.test(name)) {
            imports(resolve(dirname(file), name), seen);
        } else if (!/^k6(\/|$)/.test(name)) {
            throw new Ended(107, `${file} imports ${name}, which k6 does not have`);
        }
    }
}

function read(given) {
    const env = { ...process.env };
    const scripts = [];
    for (let at = 0; at < given.length; at += 1) {
        if (given[at] === '-e') {
            const [name, value] = (given[(at += 1)] || '').split(/=(.*)/s);
            env[name] = value ?? '';
        } else {
            scripts.push(resolve(given[at]));
        }
    }
    if (scripts.length !== 1) {
        throw new Ended(1, 'usage: node run.js [-e NAME=VALUE]... SCRIPT');
    }
    return [scripts[0], env];
}

let test = null;
try {
    const [script, env] = read(process.argv.slice(2));
    imports(script);
    test = new Test(script, env);
    await test.run();
} catch (error) {
    process.stderr.write(`${error instanceof Ended ? error.message : error.stack}\n`);
    process.exitCode = error.code || 1;
} finally {
    await test?.end();
}

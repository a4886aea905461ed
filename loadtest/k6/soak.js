// A steady, bearable load for a long time, to find what grows: latencies here, memory and disk on the registry's own
// metrics. Iterations begin at a fixed rate, however slow the answers are.
//
//   k6 run loadtest/k6/soak.js                                5 pulls a second and 12 pushes a minute, for half an hour
//   RATE=20 DURATION=8h k6 run loadtest/k6/soak.js

import exec from 'k6/execution';
import { pull, push, remove } from './image.js';
import { count, layers, repository, seconds } from './settings.js';
import { summary, summaryTrendStats } from './summary.js';

const REPOSITORY = repository('soak');
/** Tags are used again, so that old images lose theirs and become garbage. */
const TAGS = 20;
const USERS = count('USERS', 50, 1000);
const duration = `${seconds('DURATION', '30m', 24 * 3600)}s`;

const steady = (run, rate, timeUnit) => ({
    executor: 'constant-arrival-rate',
    exec: run,
    rate,
    timeUnit,
    duration,
    preAllocatedVUs: USERS,
});

export const options = {
    scenarios: {
        pull: steady('pulls', count('RATE', 5, 200), '1s'),
        push: steady('pushes', count('PUSHES', 12, 600), '1m'),
    },
    summaryTrendStats,
    thresholds: {
        checks: ['rate==1'],
        digest_mismatches: ['count==0'],
        // The registry cannot keep up if iterations are dropped.
        dropped_iterations: ['count==0'],
        http_req_failed: ['rate<0.001'],
        'iterations{scenario:pull}': ['count>0'],
        'iterations{scenario:push}': ['count>0'],
        time_to_manifest: [`p(99)<${count('MANIFEST_MS', 1000, 600000)}`],
    },
};

export function setup() {
    return push(REPOSITORY, 'latest', layers);
}

export function pulls(image) {
    pull(image);
}

export function pushes() {
    push(REPOSITORY, `image-${exec.scenario.iterationInTest % TAGS}`, layers);
}

export function teardown() {
    remove(REPOSITORY);
}

export const handleSummary = summary('a steady load');

// Pulls that grow in number, while others push: how much does a push cost those who pull?
//
//   k6 run loadtest/k6/mixed.js                               up to 50 pull and 4 push, for two minutes
//   PULLERS=200 PUSHERS=16 DURATION=10m k6 run loadtest/k6/mixed.js

import exec from 'k6/execution';
import { sleep } from 'k6';
import { pull, push, remove } from './image.js';
import { count, layers, repository, seconds } from './settings.js';
import { summary, summaryTrendStats } from './summary.js';

const REPOSITORY = repository('mixed');
/** Most images that are pulled, and that are pushed. */
const IMAGES = count('IMAGES', 20000, 200000);
const LENGTH = seconds('DURATION', '2m', 3600);
const PULLERS = count('PULLERS', 50, 1000);

/** Grows for a quarter of the time, stays, and shrinks for a quarter. */
const stages = [
    { duration: `${Math.ceil(LENGTH / 4)}s`, target: PULLERS },
    { duration: `${Math.ceil(LENGTH / 2)}s`, target: PULLERS },
    { duration: `${Math.ceil(LENGTH / 4)}s`, target: 0 },
];

export const options = {
    scenarios: {
        pull: { executor: 'ramping-vus', exec: 'pulls', startVUs: 1, stages },
        push: { executor: 'constant-vus', exec: 'pushes', vus: count('PUSHERS', 4, 200), duration: `${LENGTH}s` },
    },
    summaryTrendStats,
    thresholds: {
        checks: ['rate==1'],
        digest_mismatches: ['count==0'],
        http_req_failed: ['rate<0.001'],
        'iterations{scenario:pull}': ['count>0'],
        'iterations{scenario:push}': ['count>0'],
        push_image: [`p(95)<${count('PUSH_MS', 30000, 600000)}`],
        time_to_manifest: [`p(95)<${count('MANIFEST_MS', 5000, 600000)}`],
    },
};

export function setup() {
    return push(REPOSITORY, 'latest', layers);
}

export function pulls(image) {
    if (within()) {
        pull(image);
    }
}

export function pushes() {
    if (within()) {
        push(REPOSITORY, `user-${exec.vu.idInTest}`, layers);
    }
}

/** Whether there are images left for this scenario. If not, the virtual user waits for the end. */
function within() {
    const left = exec.scenario.iterationInTest < IMAGES;
    if (!left) {
        sleep(1);
    }
    return left;
}

export function teardown() {
    remove(REPOSITORY);
}

export const handleSummary = summary('some pull and some push');

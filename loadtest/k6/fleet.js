// A fleet of CI runners that start at the same moment and pull the same image: the manifest by its tag, then config and
// layers side by side. The image is pushed before.
//
//   k6 run loadtest/k6/fleet.js                               500 virtual users, each pulls twice
//   USERS=100 ROUNDS=5 LAYERS=16MiB,1MiB k6 run loadtest/k6/fleet.js

import { pull, push, remove } from './image.js';
import { count, layers, repository, seconds } from './settings.js';
import { summary, summaryTrendStats } from './summary.js';

const REPOSITORY = repository('fleet');

export const options = {
    scenarios: {
        pull: {
            executor: 'per-vu-iterations',
            vus: count('USERS', 500, 2000),
            iterations: count('ROUNDS', 2, 100),
            maxDuration: `${seconds('DURATION', '5m', 3600)}s`,
        },
    },
    summaryTrendStats,
    thresholds: {
        checks: ['rate==1'],
        digest_mismatches: ['count==0'],
        http_req_failed: ['rate<0.001'],
        iterations: ['count>0'],
        layer_mb_per_s: ['med>0'],
        time_to_manifest: [`p(95)<${count('MANIFEST_MS', 10000, 600000)}`],
    },
};

export function setup() {
    return push(REPOSITORY, 'latest', layers);
}

export default function (image) {
    pull(image);
}

export function teardown() {
    remove(REPOSITORY);
}

export const handleSummary = summary('a fleet pulls one image');

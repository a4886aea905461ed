// Build machines that push images of their own. A given number of images is shared among them.
//
//   k6 run loadtest/k6/push.js                                200 images, 16 at a time
//   PUSHERS=4 IMAGES=20 LAYERS=64MiB k6 run loadtest/k6/push.js

import exec from 'k6/execution';
import { push, remove } from './image.js';
import { count, layers, repository, seconds } from './settings.js';
import { summary, summaryTrendStats } from './summary.js';

const REPOSITORY = repository('push');

export const options = {
    scenarios: {
        push: {
            executor: 'shared-iterations',
            vus: count('PUSHERS', 16, 500),
            iterations: count('IMAGES', 200, 10000),
            maxDuration: `${seconds('DURATION', '5m', 3600)}s`,
        },
    },
    summaryTrendStats,
    teardownTimeout: '300s',
    thresholds: {
        checks: ['rate==1'],
        http_req_failed: ['rate<0.001'],
        iterations: ['count>0'],
        push_image: [`p(95)<${count('PUSH_MS', 30000, 600000)}`],
    },
};

export default function () {
    push(REPOSITORY, `image-${exec.scenario.iterationInTest}`, layers);
}

export function teardown() {
    remove(REPOSITORY);
}

export const handleSummary = summary('build machines push images');

// A threshold that does not hold.

import { Counter } from 'k6/metrics';

const mistakes = new Counter('mistakes');

export const options = {
    scenarios: { all: { executor: 'shared-iterations', vus: 2, iterations: 4 } },
    thresholds: { mistakes: ['count<4'] },
};

export default function () {
    mistakes.add(1);
}

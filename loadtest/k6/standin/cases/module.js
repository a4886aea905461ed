// A function that the modules of k6 do not have.

import { pause } from 'k6';

export const options = { scenarios: { all: { executor: 'shared-iterations' } } };

export default function () {
    pause(1);
}

// A module that k6 does not have, although node does.

import { readFileSync } from 'node:fs';

export const options = { scenarios: { all: { executor: 'shared-iterations' } } };

export default function () {
    readFileSync('/dev/null');
}

// The module `k6/execution`.

import { state } from './state.js';

/** Ends the test. */
export class Abort extends Error {}

const test = {
    get options() {
        return state.options;
    },
    abort(message = 'test aborted') {
        throw new Abort(message);
    },
};

export default {
    test,
    get scenario() {
        return state.at.scenario;
    },
    get vu() {
        return state.at.vu;
    },
};

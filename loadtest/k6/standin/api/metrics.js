// The module `k6/metrics`.

import { afterInit, sample, state } from './state.js';

class Metric {
    constructor(type, name, isTime = false) {
        if (state.stage !== 'init') {
            throw new Error('metrics must be declared in the init context');
        }
        if (!/^[a-zA-Z_]\w{0,127}$/.test(name)) {
            throw new Error(`${name} is not a name of a metric`);
        }
        this.name = name;
        state.metrics.push({ name, type, contains: isTime ? 'time' : 'default' });
    }

    add(value, tags = {}) {
        afterInit('adding to a metric');
        const number = Number(value);
        if (value === undefined || value === null || Number.isNaN(number)) {
            throw new Error(`${value} is an invalid value for the metric ${this.name}`);
        }
        sample(this.name, number, tags);
    }
}

const kind = (type) =>
    class extends Metric {
        constructor(name, isTime) {
            super(type, name, isTime);
        }
    };

export const Counter = kind('counter');
export const Gauge = kind('gauge');
export const Rate = kind('rate');
export const Trend = kind('trend');
export default { Counter, Gauge, Rate, Trend };

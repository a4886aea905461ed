// Metrics, thresholds, and what `handleSummary` gets of them, by the rules of k6.

const BUILT_IN = {
    checks: 'rate',
    data_received: 'counter',
    data_sent: 'counter',
    dropped_iterations: 'counter',
    group_duration: 'trend',
    http_req_blocked: 'trend',
    http_req_duration: 'trend',
    http_req_failed: 'rate',
    http_req_receiving: 'trend',
    http_req_sending: 'trend',
    http_req_waiting: 'trend',
    http_reqs: 'counter',
    iteration_duration: 'trend',
    iterations: 'counter',
};
/** What a threshold may ask of each type. */
const AGGREGATES = {
    counter: /^(count|rate)$/,
    gauge: /^value$/,
    rate: /^rate$/,
    trend: /^(avg|min|max|med|p\(\d+(\.\d+)?\))$/,
};
const COMPARE = {
    '<=': (a, b) => a <= b,
    '<': (a, b) => a < b,
    '>=': (a, b) => a >= b,
    '>': (a, b) => a > b,
    '===': (a, b) => a === b,
    '==': (a, b) => a === b,
    '!=': (a, b) => a !== b,
};

class Metric {
    constructor(type, contains, tags = {}) {
        Object.assign(this, { type, contains, tags, values: [], thresholds: [] });
    }

    add({ value, tags }) {
        if (Object.entries(this.tags).every(([name, wanted]) => tags[name] === wanted)) {
            this.values.push(value);
        }
    }

    /** One figure, such as `p(95)` or `count`. */
    figure(name, seconds) {
        const sum = this.values.reduce((sum, value) => sum + value, 0);
        if (this.type === 'counter') {
            return { count: sum, rate: sum / seconds }[name];
        }
        if (this.type === 'gauge') {
            return { value: this.values.at(-1) }[name];
        }
        if (this.type === 'rate') {
            return { rate: sum / this.values.length, passes: sum, fails: this.values.length - sum }[name];
        }
        const part = { min: 0, med: 0.5, max: 1 }[name] ?? Number(/^p\((.*)\)$/.exec(name)?.[1]) / 100;
        const own = { count: this.values.length, avg: sum / this.values.length }[name];
        return own ?? percentile([...this.values].sort((a, b) => a - b), part);
    }

    holds({ name, operator, value }, seconds) {
        // A threshold that nothing was measured for says nothing, so the script is at fault. Only a sum may be of nothing.
        return (this.type === 'counter' || this.values.length > 0) && COMPARE[operator](this.figure(name, seconds), value);
    }
}

function percentile(sorted, part) {
    const at = part * (sorted.length - 1);
    const [low, high] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]];
    return low + (high - low) * (at - Math.floor(at));
}

export class Figures {
    constructor(declared) {
        const contains = (name) => (/_duration$|^http_req_(blocked|receiving|sending|waiting)$/.test(name) ? 'time' : 'default');
        const builtIn = Object.entries(BUILT_IN).map(([name, type]) => [name, new Metric(type, contains(name))]);
        this.metrics = new Map(builtIn);
        for (const { name, type, contains } of declared) {
            this.metrics.set(name, new Metric(type, contains));
        }
    }

    /** Reads the thresholds of the options. One that k6 would refuse throws. */
    expect(thresholds = {}) {
        for (const [name, expressions] of Object.entries(thresholds)) {
            const [, base, , tags] = /^(\w+)(\{(.*)\})?$/.exec(name) || [];
            const parent = this.metrics.get(base);
            if (!parent) {
                throw new Error(`invalid metric '${name}' in threshold definitions: it does not exist in the script`);
            }
            const pairs = (tags || '').split(',').filter(Boolean).map((pair) => pair.split(/:(.*)/).slice(0, 2));
            const metric = tags ? new Metric(parent.type, parent.contains, Object.fromEntries(pairs)) : parent;
            this.metrics.set(name, metric);
            metric.thresholds = expressions.map((expression) => parsed(expression, metric.type));
        }
    }

    record(samples) {
        for (const sample of samples) {
            for (const [name, metric] of this.metrics) {
                if (name === sample.metric || name.startsWith(`${sample.metric}{`)) {
                    metric.add(sample);
                }
            }
        }
    }

    /** The argument of `handleSummary`, and the names of the thresholds that do not hold. */
    summary(options, duration, setupData) {
        const stats = options.summaryTrendStats || ['avg', 'min', 'med', 'max', 'p(90)', 'p(95)'];
        const shown = { counter: ['count', 'rate'], gauge: ['value'], rate: ['rate', 'passes', 'fails'], trend: stats };
        const metrics = {};
        const failed = [];
        for (const [name, metric] of this.metrics) {
            if (metric.values.length === 0 && metric.thresholds.length === 0) {
                continue;
            }
            const seconds = duration / 1000;
            const values = Object.fromEntries(shown[metric.type].map((stat) => [stat, metric.figure(stat, seconds) ?? 0]));
            metrics[name] = { type: metric.type, contains: metric.contains, values };
            for (const threshold of metric.thresholds) {
                const ok = metric.holds(threshold, seconds);
                metrics[name].thresholds = { ...metrics[name].thresholds, [threshold.source]: { ok } };
                failed.push(...(ok ? [] : [`${name}: ${threshold.source}`]));
            }
        }
        const state = { isStdOutTTY: false, isStdErrTTY: false, testRunDurationMs: duration };
        const root_group = { name: '', path: '', groups: [], checks: [] };
        const data = { root_group, options: { summaryTrendStats: stats }, state, metrics, setup_data: setupData };
        return { data, failed };
    }
}

function parsed(threshold, type) {
    const source = typeof threshold === 'string' ? threshold : threshold.threshold;
    const [, name, operator, value] = /^\s*(\S+?)\s*(<=|<|>=|>|===|==|!=)\s*(-?\d+(?:\.\d+)?)\s*$/.exec(source) || [];
    if (!name || !AGGREGATES[type].test(name)) {
        throw new Error(`invalid threshold '${source}' on a metric of type ${type}`);
    }
    return { source, name, operator, value: Number(value) };
}

// The end of a run: one line for each figure that matters, and all figures as JSON into the file that REPORT names.

const SHOWN = [
    'pull_image',
    'push_image',
    'time_to_manifest',
    'layer_mb_per_s',
    'digest_mismatches',
    'refusals',
    'http_req_failed',
    'http_reqs',
    'iterations',
    'dropped_iterations',
];

/** The statistics that the summaries print of each trend. */
export const summaryTrendStats = ['count', 'med', 'p(95)', 'p(99)', 'max'];

/** Makes the function `handleSummary` of a script. */
export function summary(title) {
    return (data) => {
        const metrics = data.metrics;
        const lines = SHOWN.filter((name) => metrics[name] !== undefined).map((name) => line(name, metrics[name]));
        const failed = [];
        for (const [name, metric] of Object.entries(metrics)) {
            for (const [threshold, { ok }] of Object.entries(metric.thresholds || {})) {
                if (!ok) {
                    failed.push(`  ${name}: ${threshold}`);
                }
            }
        }
        const verdict = failed.length === 0 ? ['every threshold holds'] : ['thresholds that do not hold:', ...failed];
        const took = (data.state.testRunDurationMs / 1000).toFixed(1);
        const printed = [`${title}, ${took} s`, ...lines, ...verdict, ''].join('\n');
        const files = __ENV.REPORT ? { [__ENV.REPORT]: JSON.stringify(data, null, 2) } : {};
        return { stdout: printed, ...files };
    };
}

function line(name, { type, contains, values }) {
    const unit = contains === 'time' ? ' ms' : '';
    const rounded = (value) => (Number.isInteger(value) ? String(value) : value.toFixed(2));
    const figures = {
        trend: () => summaryTrendStats.map((stat) => `${stat} ${rounded(values[stat])}${stat === 'count' ? '' : unit}`),
        counter: () => [rounded(values.count)],
        rate: () => [`${(100 * values.rate).toFixed(2)} % of ${values.passes + values.fails}`],
        gauge: () => [rounded(values.value)],
    }[type]();
    return `  ${name.padEnd(20)}${figures.join(', ')}`;
}

// A threshold on a metric of a name that no metric has.

export const options = {
    scenarios: { all: { executor: 'shared-iterations' } },
    thresholds: { mistaken: ['count<4'] },
};

export default function () {}

// A global object that k6 does not have, although node does.

export const options = { scenarios: { all: { executor: 'shared-iterations' } } };

export default function () {
    process.exit(0);
}

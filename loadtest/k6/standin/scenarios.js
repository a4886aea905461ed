// The executors of k6: who runs an iteration when.

import { milliseconds, pause } from './times.js';

/** How many virtual users a scenario needs. */
export function users(plan) {
    return {
        'per-vu-iterations': () => plan.vus ?? 1,
        'shared-iterations': () => plan.vus ?? 1,
        'constant-vus': () => plan.vus ?? 1,
        'ramping-vus': () => Math.max(plan.startVUs ?? 1, ...plan.stages.map((stage) => stage.target)),
        'constant-arrival-rate': () => plan.maxVUs ?? plan.preAllocatedVUs,
    }[plan.executor]?.();
}

/**
 * Runs a scenario with its virtual users. `iterate(user)` runs one iteration of a user, and `stopped()` says whether the test
 * is to end. Returns how many iterations were dropped.
 */
export async function perform(plan, threads, iterate, stopped) {
    await pause(milliseconds(plan.startTime ?? 0));
    const began = Date.now();
    const elapsed = () => Date.now() - began;
    const until = async (end, user, more = () => true) => {
        while (elapsed() < end && !stopped() && more()) {
            await iterate(user);
        }
    };
    const longest = milliseconds(plan.maxDuration ?? '10m');
    const all = (run) => Promise.all(threads.map(run));
    switch (plan.executor) {
        case 'per-vu-iterations':
            await all((user) => {
                let left = plan.iterations ?? 1;
                return until(longest, user, () => left-- > 0);
            });
            return 0;
        case 'shared-iterations': {
            let left = plan.iterations ?? 1;
            await all((user) => until(longest, user, () => left-- > 0));
            return Math.max(left, 0);
        }
        case 'constant-vus':
            await all((user) => until(milliseconds(plan.duration), user));
            return 0;
        case 'ramping-vus': {
            const end = plan.stages.reduce((sum, stage) => sum + milliseconds(stage.duration), 0);
            await all(async (user, number) => {
                while (elapsed() < end && !stopped()) {
                    await (number < target(plan, elapsed()) ? iterate(user) : pause(20));
                }
            });
            return 0;
        }
        default:
            return arrivals(plan, threads, iterate, stopped);
    }
}

/** How many users are to run at a time of `ramping-vus`. */
function target({ stages, startVUs = 1 }, time) {
    let [from, began] = [startVUs, 0];
    for (const stage of stages) {
        const length = milliseconds(stage.duration);
        if (time < began + length) {
            return Math.round(from + ((stage.target - from) * (time - began)) / length);
        }
        [from, began] = [stage.target, began + length];
    }
    return from;
}

/** Begins iterations at a fixed rate. One that finds no idle user is dropped. */
async function arrivals(plan, threads, iterate, stopped) {
    const interval = milliseconds(plan.timeUnit ?? '1s') / plan.rate;
    const [began, idle, running] = [Date.now(), [...threads], new Set()];
    let dropped = 0;
    for (let number = 0; number * interval < milliseconds(plan.duration) && !stopped(); number += 1) {
        await pause(Math.max(began + number * interval - Date.now(), 0));
        const user = idle.pop();
        if (user) {
            const iteration = iterate(user).then(() => {
                idle.push(user);
                running.delete(iteration);
            });
            running.add(iteration);
        } else {
            dropped += 1;
        }
    }
    await Promise.all(running);
    return dropped;
}

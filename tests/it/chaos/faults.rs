//! Faults of instances, partners and connections, at random.

use std::time::{Duration, Instant};

use tokio::task::block_in_place;
use tokio::time::sleep;

use crate::rig::dice::Dice;
use crate::rig::fleet::Fleet;

/// Injects faults for so long. Afterwards everything runs again.
pub(super) async fn inject(fleet: &mut Fleet, dice: &mut Dice, time: Duration) {
    let began = Instant::now();
    while began.elapsed() < time {
        let which = dice.below(fleet.instances.len());
        let fault = dice.below(10);
        println!("chaos: {:>6.1?} fault {fault} at instance {}", began.elapsed(), which + 1);
        match fault {
            0 | 1 => {
                fleet.instances[which].kill();
                wait(dice, 2000).await;
                fleet.instances[which].resume().await;
            }
            2 => {
                fleet.instances[which].server.signal("-STOP");
                wait(dice, 4000).await;
                fleet.instances[which].server.signal("-CONT");
            }
            3 => restart_kubo(fleet, dice).await,
            4 => {
                fleet.node.signal("-STOP");
                wait(dice, 4000).await;
                fleet.node.signal("-CONT");
            }
            5 => {
                block_in_place(|| fleet.cluster.crash());
                wait(dice, 2000).await;
                block_in_place(|| fleet.cluster.resume());
            }
            6 => {
                fleet.cluster.signal("-STOP");
                wait(dice, 4000).await;
                fleet.cluster.signal("-CONT");
            }
            7 => {
                let instance = &fleet.instances[which];
                instance.postgres.freeze(true);
                wait(dice, 4000).await;
                instance.postgres.freeze(false);
            }
            8 => {
                for _ in 0..5 {
                    fleet.instances[which].cut();
                    wait(dice, 200).await;
                }
            }
            // An instance dies while a partner is away.
            _ => {
                fleet.instances[which].kill();
                restart_kubo(fleet, dice).await;
                fleet.instances[which].resume().await;
            }
        }
        wait(dice, 2000).await;
    }
}

async fn restart_kubo(fleet: &mut Fleet, dice: &mut Dice) {
    block_in_place(|| fleet.node.end_by("-KILL"));
    wait(dice, 1500).await;
    block_in_place(|| fleet.node.resume());
}

async fn wait(dice: &mut Dice, most: usize) {
    sleep(Duration::from_millis(dice.below(most) as u64)).await;
}

//! Random decisions that a printed seed repeats.

/// The variable that sets the seed.
const SEED: &str = "AF_REGISTRY_SEED";

/// A source of decisions.
pub(crate) struct Dice(u64);

impl Dice {
    /// Takes the seed from `AF_REGISTRY_SEED`, or a new one, and prints it. The output of a test that fails shows it.
    pub(crate) fn new(test: &str) -> Self {
        let given = std::env::var(SEED).ok().map(|seed| seed.parse().unwrap());
        let seed = given.unwrap_or_else(|| uuid::Uuid::new_v4().as_u64_pair().0);
        println!("{test}: {SEED}={seed}");
        Self::of(seed)
    }

    /// A source that this seed determines.
    pub(crate) fn of(seed: u64) -> Self {
        // The generator never leaves zero.
        let mut dice = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        dice.next();
        dice
    }

    /// A source of its own for a task.
    pub(crate) fn fork(&mut self) -> Self {
        Self::of(self.next())
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `limit`.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() >> 1).unwrap() % limit
    }

    /// One of these.
    pub(crate) fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

//! How often the acceptance rule errs, measured on the rule itself.
//!
//! ```text
//! scripts/simulate [families] [sequences]
//! ```
//!
//! Candidates that improve nothing are put through [`judge`], in families of up to 50 attempts by one miner, under noise
//! like that of real evaluations: a sequence's difference has a standard deviation of 0.016 bits per byte, heavy tails
//! (Student's t with 5 or 4 degrees of freedom), skew to either side, and correlation between the sequences of one
//! document. The share of families with at least one acceptance is printed with its 95 % Wilson interval, and has to
//! stay below alpha for candidates that improve nothing; those that improve by exactly the requirement, which is too
//! little, are shown beside them. Then: how often an expert that does improve is accepted, by sample size, improvement and attempt; and
//! how often one passes the guard sample. Ends in one line of JSON.

use blyan_primitives::{EvaluationOutcome, Score};
use pallet_proof_of_learning::math::{judge, standard_errors, Judgement, Rule};
use serde_json::{json, Value};
use std::time::Instant;

/// One bit per byte, Q16.
const Q16: f64 = 65_536.0;
/// Standard deviation of a sequence's difference, bits per byte.
const SD: f64 = 0.016;
/// Bytes of a sequence.
const SEQUENCE_LEN: u16 = 128;
/// Sequences of the holdout, and of one document in it.
const HOLDOUT: usize = 4_096;
const DOCUMENT: usize = 8;
/// Share of the variance that the sequences of a document have in common.
const SHARED: f64 = 0.2;
/// The parameters' defaults.
const DELTA: u32 = 32;
const ALPHA: u32 = 1_350;
const GUARD_TOLERANCE: u32 = 328;
/// Attempts after which the families are looked at.
const ATTEMPTS: [u32; 7] = [1, 2, 5, 10, 20, 30, 50];
/// Different values that noise takes.
const TABLE: usize = 1 << 20;

/// SplitMix64 (Steele, Lea and Flood, 2014).
struct Dice(u64);

impl Dice {
	fn next(&mut self) -> u64 {
		self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
		let mut z = self.0;
		z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
		z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
		z ^ (z >> 31)
	}

	fn below(&mut self, bound: usize) -> usize {
		((u128::from(self.next()) * bound as u128) >> 64) as usize
	}

	/// Uniform in (0, 1].
	fn uniform(&mut self) -> f64 {
		((self.next() >> 11) as f64 + 1.0) / (1u64 << 53) as f64
	}

	fn normal(&mut self) -> f64 {
		let radius = (-2.0 * self.uniform().ln()).sqrt();
		radius * (core::f64::consts::TAU * self.uniform()).cos()
	}
}

/// What the differences of one candidate look like.
#[derive(Clone, Copy)]
struct Noise {
	name: &'static str,
	/// Degrees of freedom of the tails.
	degrees: u32,
	/// Azzalini's skewness parameter, -1 to 1.
	skew: f64,
	/// Whether sequences come from documents.
	has_documents: bool,
}

const NOISES: [Noise; 5] = [
	Noise { name: "t5", degrees: 5, skew: 0.0, has_documents: false },
	Noise { name: "t4", degrees: 4, skew: 0.0, has_documents: false },
	Noise { name: "t5, skewed up", degrees: 5, skew: 0.7, has_documents: false },
	Noise { name: "t5, skewed down", degrees: 5, skew: -0.7, has_documents: false },
	Noise { name: "t5, documents", degrees: 5, skew: 0.0, has_documents: true },
];

impl Noise {
	/// A population of standardised values: mean zero and variance one, exactly but for rounding.
	fn table(&self) -> Vec<f32> {
		let mut dice = Dice(u64::from(self.degrees) ^ self.skew.to_bits());
		let rest = (1.0 - self.skew * self.skew).sqrt();
		let mut values: Vec<f64> = (0..TABLE)
			.map(|_| {
				let chi: f64 = (0..self.degrees).map(|_| dice.normal().powi(2)).sum();
				let skewed = self.skew * dice.normal().abs() + rest * dice.normal();
				skewed / (chi / f64::from(self.degrees)).sqrt()
			})
			.collect();
		let mean = values.iter().sum::<f64>() / TABLE as f64;
		let deviation = (values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / TABLE as f64).sqrt();
		for value in &mut values {
			*value = (*value - mean) / deviation;
		}
		values.into_iter().map(|value| value as f32).collect()
	}

	fn skewness(table: &[f32]) -> f64 {
		table.iter().map(|x| f64::from(*x).powi(3)).sum::<f64>() / TABLE as f64
	}
}

/// Draws samples of one kind of noise.
struct Lab<'a> {
	noise: Noise,
	table: &'a [f32],
	dice: Dice,
	/// The holdout's sequences, in an order that sampling shuffles.
	order: Vec<u16>,
}

impl<'a> Lab<'a> {
	fn new(noise: Noise, table: &'a [f32], seed: u64) -> Self {
		Self { noise, table, dice: Dice(seed), order: (0..HOLDOUT as u16).collect() }
	}

	/// One candidate measured on `n` sequences; `mean` in bits per byte.
	fn measure(&mut self, n: u32, mean: f64) -> EvaluationOutcome {
		let scale = Q16 * f64::from(SEQUENCE_LEN);
		let (mut sum, mut squares) = (0i64, 0u128);
		let candidate = self.dice.next();
		for i in 0..n as usize {
			let own = f64::from(self.table[self.dice.below(TABLE)]);
			let value = if self.noise.has_documents {
				// Without replacement, from a holdout whose documents have effects of their own on this candidate.
				let j = i + self.dice.below(HOLDOUT - i);
				self.order.swap(i, j);
				let document = u64::from(self.order[i]) / DOCUMENT as u64;
				let shared = f64::from(self.table[Dice(candidate ^ (document << 32)).below(TABLE)]);
				SHARED.sqrt() * shared + (1.0 - SHARED).sqrt() * own
			} else {
				own
			};
			let difference = ((mean + SD * value) * scale).round() as i64;
			sum += difference;
			squares += u128::from(difference.unsigned_abs()).pow(2);
		}
		let baseline = 1u64 << 50;
		EvaluationOutcome {
			baseline_loss: baseline,
			candidate_loss: baseline.wrapping_add_signed(-sum),
			sum_diff: sum,
			sum_diff_sq: squares,
			sequences: n,
			bytes: u64::from(n) * u64::from(SEQUENCE_LEN),
			job_root: Default::default(),
		}
	}

	fn is_accepted(&mut self, n: u32, mean: f64, attempt: u32) -> bool {
		let score = Score { target: self.measure(n, mean), guard: None };
		let rule = Rule {
			delta: DELTA,
			alpha: ALPHA,
			attempt,
			guard_tolerance: GUARD_TOLERANCE,
			guard_left: u64::MAX,
		};
		matches!(judge(&score, SEQUENCE_LEN, 0, &rule), Judgement::Accept(_))
	}
}

/// Splits `count` trials over the machine's cores and adds up what each core counted.
fn in_parallel<const N: usize>(count: u64, work: impl Fn(u64, u64) -> [u64; N] + Sync) -> [u64; N] {
	let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
	std::thread::scope(|scope| {
		let work = &work;
		let parts: Vec<_> = (0..cores)
			.map(|core| {
				let share = count / cores + u64::from(core < count % cores);
				scope.spawn(move || work(core, share))
			})
			.collect();
		let mut total = [0; N];
		for part in parts {
			for (sum, value) in total.iter_mut().zip(part.join().expect("the worker does not panic")) {
				*sum += value;
			}
		}
		total
	})
}

/// The 95 % Wilson interval of a share.
fn wilson(hits: u64, trials: u64) -> (f64, f64) {
	let (n, z) = (trials as f64, 1.959_964);
	let p = hits as f64 / n;
	let centre = p + z * z / (2.0 * n);
	let half = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
	let scale = 1.0 + z * z / n;
	(((centre - half) / scale).max(0.0), (centre + half) / scale)
}

/// Families of null candidates; `mean` in bits per byte.
fn false_accepts(noise: Noise, table: &[f32], families: u64, n: u32, mean: f64) -> [u64; ATTEMPTS.len()] {
	let last = ATTEMPTS[ATTEMPTS.len() - 1];
	in_parallel(families, |core, share| {
		let mut lab = Lab::new(noise, table, (core << 40) ^ u64::from(n) ^ mean.to_bits());
		let mut hits = [0; ATTEMPTS.len()];
		for _ in 0..share {
			let accepted = (1..=last).find(|attempt| lab.is_accepted(n, mean, *attempt));
			if let Some(first) = accepted {
				for (count, attempts) in hits.iter_mut().zip(ATTEMPTS) {
					*count += u64::from(first <= attempts);
				}
			}
		}
		hits
	})
}

fn print_false_accepts(families: u64, n: u32) -> Vec<Value> {
	println!("False acceptances: share of {families} miners with at least one, in parts per million; alpha is {ALPHA}.");
	println!(
		"Every attempt is a fresh candidate measured on {n} sequences; 95 % Wilson interval in brackets.\n"
	);
	print!("{:<16} {:>8} {:>10}", "noise", "skewness", "mean");
	for attempts in ATTEMPTS {
		print!(" {:>16}", format!("{attempts} attempts"));
	}
	println!();
	let mut rows = Vec::new();
	// No improvement at all; and the hardest case, an improvement of exactly what does not suffice.
	for mean in [0.0, f64::from(DELTA) / Q16] {
		for noise in NOISES {
			let table = noise.table();
			let skewness = Noise::skewness(&table);
			let hits = false_accepts(noise, &table, families, n, mean);
			print!("{:<16} {:>8.2} {:>10.5}", noise.name, skewness, mean);
			for count in hits {
				let (low, high) = wilson(count, families);
				let ppm = |share: f64| (share * 1e6).round();
				print!(
					" {:>16}",
					format!("{} [{}, {}]", ppm(count as f64 / families as f64), ppm(low), ppm(high))
				);
			}
			println!();
			for (attempts, count) in ATTEMPTS.iter().zip(hits) {
				let (low, high) = wilson(count, families);
				rows.push(json!({
					"noise": noise.name, "skewness": skewness, "mean": mean, "sequences": n, "attempts": attempts,
					"families": families, "accepted": count, "low": low, "high": high,
				}));
			}
		}
	}
	println!();
	rows
}

fn print_power(trials: u64) -> Vec<Value> {
	const SIZES: [u32; 5] = [64, 128, 256, 512, 1_024];
	const IMPROVEMENTS: [f64; 8] = [0.001, 0.002, 0.003, 0.004, 0.005, 0.0075, 0.0106, 0.015];
	println!(
		"Power: share of {trials} candidates that are accepted, noise t5; improvement in bits per byte.\n"
	);
	let noise = NOISES[0];
	let table = noise.table();
	let mut rows = Vec::new();
	for attempt in [1, 10, 50] {
		print!("{:<10} {:>9} {:>6}", "attempt", "sequences", "t");
		for improvement in IMPROVEMENTS {
			print!(" {improvement:>7}");
		}
		println!();
		for n in SIZES {
			let t = standard_errors(ALPHA, attempt, n).map_or(f64::NAN, |milli| f64::from(milli) / 1_000.0);
			print!("{attempt:<10} {n:>9} {t:>6.2}");
			for improvement in IMPROVEMENTS {
				let [accepted] = in_parallel(trials, |core, share| {
					let mut lab =
						Lab::new(noise, &table, (core << 40) ^ u64::from(n) ^ improvement.to_bits());
					[(0..share).filter(|_| lab.is_accepted(n, improvement, attempt)).count() as u64]
				});
				let power = accepted as f64 / trials as f64;
				print!(" {power:>7.3}");
				rows.push(json!({
					"attempt": attempt, "sequences": n, "improvement": improvement, "power": power,
				}));
			}
			println!();
		}
	}
	println!();
	rows
}

fn print_guard(trials: u64) -> Vec<Value> {
	const CHANGES: [f64; 7] = [0.0, -0.002, -0.004, -0.006, -0.008, -0.01, -0.012];
	println!(
		"Guard: share of {trials} clearly better candidates that pass, by their true change on the guard sample in bits \
		 per byte; {:.4} is what is tolerated.\n",
		f64::from(GUARD_TOLERANCE) / Q16
	);
	print!("{:<9}", "sequences");
	for change in CHANGES {
		print!(" {change:>8}");
	}
	println!();
	let noise = NOISES[0];
	let table = noise.table();
	let mut rows = Vec::new();
	for n in [64, 256, 1_024] {
		print!("{n:<9}");
		for change in CHANGES {
			let [passed] = in_parallel(trials, |core, share| {
				let mut lab = Lab::new(noise, &table, (core << 40) ^ u64::from(n) ^ change.to_bits());
				let rule = Rule {
					delta: DELTA,
					alpha: ALPHA,
					attempt: 1,
					guard_tolerance: GUARD_TOLERANCE,
					guard_left: u64::MAX,
				};
				let passes = |_: &u64| {
					let score = Score { target: lab.measure(n, 0.1), guard: Some(lab.measure(n, change)) };
					matches!(judge(&score, SEQUENCE_LEN, SEQUENCE_LEN, &rule), Judgement::Accept(_))
				};
				[(0..share).filter(passes).count() as u64]
			});
			let share = passed as f64 / trials as f64;
			print!(" {share:>8.5}");
			rows.push(json!({ "sequences": n, "change": change, "passed": share }));
		}
		println!();
	}
	println!();
	rows
}

fn main() {
	let mut arguments = std::env::args().skip(1).map(|number| number.parse::<u64>());
	let families = arguments.next().and_then(Result::ok).unwrap_or(100_000);
	let n = arguments.next().and_then(Result::ok).and_then(|n| u32::try_from(n).ok()).unwrap_or(256);
	let began = Instant::now();
	let false_accepts = print_false_accepts(families, n);
	let power = print_power((families / 10).max(1));
	let guard = print_guard(families);
	// Of those that improve nothing; the rows at the requirement itself show how much of this is owed to delta.
	let holds = false_accepts
		.iter()
		.filter(|row| row["mean"] == 0.0)
		.all(|row| row["high"].as_f64().unwrap_or(1.0) <= f64::from(ALPHA) * 1e-6);
	println!(
		"{}",
		json!({
			"bench": "acceptance", "alpha_ppm": ALPHA, "delta_q16": DELTA, "sd": SD, "sequences": n,
			"families": families, "within_alpha": holds, "false_accepts": false_accepts, "power": power, "guard": guard,
			"seconds": began.elapsed().as_secs_f64(),
		})
	);
}

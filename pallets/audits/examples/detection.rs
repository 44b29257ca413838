//! Simulation, on the pallet's own functions, of how soon lazy operators are found out, and of laziness's earnings.
//!
//! ```text
//! scripts/simulate
//! ```
//!
//! A population of 90 operators plays 100 rounds. As on the chain, a round has as many audits as give every operator three
//! seats on average (with three auditors an audit: one audit an operator), and setters and auditors come from
//! `draw::draw`. Coins come from `rules::is_forced`, presentations from `rules::present`, findings from
//! `rules::judge`, pay from `rules::standing`. Setters are honest; each strategy of laziness is tried on ten operators of
//! every population, and no operator is removed when found out, so that every operator plays all rounds.
//!
//! Money in BLY, the defaults proposed for the runtime: `PAY` for an evaluation that stands, `BOUNTY` for a forced error
//! caught, a stake of one BLY of which a nod costs a tenth and a refuted claim half; the third offence takes
//! everything and bans (here such an operator may go on and earn, which flatters laziness). `BLY/seat` counts coins only;
//! beside it stands what one evaluation would have to cost before it were worth to save it.

use blyan_primitives::{traits::EligibleOperator, EvaluationOutcome};
use pallet_audits::{
	draw::draw,
	rules::{self, Ballot, Finding},
	verdict, Vote,
};
use sp_core::H256;
use sp_io::hashing::blake2_256;

const ROUNDS: u32 = 100;
const SEATS_PER_ROUND: u32 = 3;
const AUDITORS: u32 = 3;
const TRAP_SHARE: u32 = 20_000;
const PAY: f64 = 0.001;
const BOUNTY: f64 = 0.05;
const STAKE: f64 = 1.0;
const NOD_SHARE: f64 = 0.1;
const FALSE_SHARE: f64 = 0.5;

#[derive(Clone, Copy, PartialEq)]
enum Strategy {
	/// Evaluates, and says what it found.
	Honest,
	/// Confirms whatever it sees.
	Confirm,
	/// Confirms unseen in so many of a hundred cases, and evaluates in the others.
	Often(u64),
	/// Denies in so many of a hundred cases with numbers it made up, and confirms in the others.
	Deny(u64),
	/// Evaluates only if the presented mean is further from zero than three times what is usual, and confirms otherwise.
	Sceptic,
}

const LAZY: [(&str, Strategy); 6] = [
	("always_confirm", Strategy::Confirm),
	("confirm_half", Strategy::Often(50)),
	("confirm_tenth", Strategy::Often(10)),
	("deny_half", Strategy::Deny(50)),
	("deny_2_percent", Strategy::Deny(2)),
	("check_outliers", Strategy::Sceptic),
];
const OF_EACH: usize = 10;
const HONEST: usize = 30;

#[derive(Clone, Default)]
struct Player {
	nods: u32,
	false_claims: u32,
	earned: f64,
	evaluations: u64,
	seats: u64,
	stake_lost: f64,
	offences: u32,
}

impl Player {
	fn offend(&mut self, share: f64) {
		self.offences += 1;
		let left = STAKE - self.stake_lost;
		self.stake_lost += if self.offences >= 3 { left } else { (STAKE * share).min(left) };
	}
}

fn hash(domain: &[u8], a: u64, b: u64) -> H256 {
	H256(blake2_256(&[domain, &a.to_le_bytes(), &b.to_le_bytes()].concat()))
}

fn word(hash: &H256) -> u64 {
	u64::from_le_bytes([hash[0], hash[1], hash[2], hash[3], hash[4], hash[5], hash[6], hash[7]])
}

/// Sixteen sequences of 256 bytes at about two bits a byte, and a candidate of its own mean difference.
fn truth(seed: &H256) -> EvaluationOutcome {
	let noise = |what: u64| {
		let bytes = hash(b"noise", word(seed), what);
		let words = bytes.0.chunks_exact(2).map(|pair| i64::from(u16::from_le_bytes([pair[0], pair[1]])));
		words.take(12).sum::<i64>() - 12 * 32_767
	};
	let mean = noise(0) * 256 / 200;
	let mut seen = EvaluationOutcome { sequences: 16, bytes: 16 * 256, ..Default::default() };
	for sequence in 1..=16 {
		let baseline = 256 * 131_072 + noise(sequence) * 50;
		let gain = mean + noise(sequence + 16) * 256 / 100;
		seen.baseline_loss += baseline as u64;
		seen.candidate_loss += (baseline - gain) as u64;
		seen.sum_diff += gain;
		seen.sum_diff_sq += u128::from(gain.unsigned_abs()).pow(2);
	}
	seen.job_root = hash(b"root", word(seed), 0);
	seen
}

/// One population through all rounds.
fn play(replica: u64, strategies: &[Strategy]) -> Vec<Player> {
	let operators: Vec<EligibleOperator<usize>> =
		(0..strategies.len()).map(|account| EligibleOperator::independent(account, 500_000)).collect();
	let mut players = vec![Player::default(); strategies.len()];
	let audits = (strategies.len() as u32 * SEATS_PER_ROUND).div_ceil(AUDITORS);
	for audit in 0..u64::from(ROUNDS * audits) {
		let seed = hash(b"seed", replica, audit);
		let is_honest = |who: &usize| strategies[*who] == Strategy::Honest;
		let (setter, auditors) =
			draw(&seed, &operators, is_honest, |_| true, AUDITORS).expect("someone is honest");
		let (secret, truth) = (hash(b"secret", replica, audit), truth(&seed));
		let presented = rules::present(&truth, &secret, &seed, TRAP_SHARE);
		let is_forced = match rules::answer(&presented, &truth, &secret, &seed, TRAP_SHARE) {
			rules::Answer::Forced => true,
			rules::Answer::Honest => false,
			rules::Answer::Defied => unreachable!("setters obey"),
		};
		let mut claims = vec![(setter, truth)];
		for who in auditors {
			let player = &mut players[who];
			player.seats += 1;
			let dice = word(&hash(b"dice", audit.wrapping_add(replica << 32), who as u64)) % 100;
			let mut check = || {
				player.evaluations += 1;
				Vote::about(&presented, &truth)
			};
			let vote = match strategies[who] {
				Strategy::Honest => check(),
				Strategy::Confirm => Vote::Confirm,
				Strategy::Often(percent) if dice < percent => Vote::Confirm,
				Strategy::Often(_) => check(),
				Strategy::Deny(percent) if dice < percent => {
					Vote::Deny(EvaluationOutcome { job_root: hash(b"lie", audit, who as u64), ..presented })
				}
				Strategy::Deny(_) => Vote::Confirm,
				// The usual size is that of the mean: 16 x 256 / 200 x 65,536.
				Strategy::Sceptic if presented.sum_diff.unsigned_abs() > 3 * 1_342_177 => check(),
				Strategy::Sceptic => Vote::Confirm,
			};
			let ballot = match vote {
				Vote::Confirm => Ballot::Confirmed,
				Vote::Deny(own) => Ballot::Denied(own),
			};
			match rules::judge(is_forced, &presented, &ballot) {
				Finding::Nodded => {
					player.nods += 1;
					player.offend(NOD_SHARE);
				}
				Finding::Claims(own) => claims.push((who, own)),
				Finding::Missed | Finding::Hid => unreachable!("everybody speaks"),
			}
		}
		// Somebody disputes what is contradicted, and the truth wins: the setter and the honest have an interest in it.
		let digests: Vec<H256> = claims.iter().map(|(_, own)| verdict(*own).digest()).collect();
		let right = verdict(truth).digest();
		let refuted: Vec<H256> = digests.iter().copied().filter(|digest| *digest != right).collect();
		let standing = rules::standing(&digests, &refuted);
		// What setters earn is left out: only honest ones set here, and seats are to be compared with seats.
		for ((who, _), digest) in claims.iter().zip(&digests).skip(1) {
			let player = &mut players[*who];
			if standing == Some(*digest) {
				player.earned += if is_forced { BOUNTY } else { PAY };
			} else {
				player.false_claims += 1;
				player.offend(FALSE_SHARE);
			}
		}
	}
	players
}

/// Wilson's interval at 95 %.
fn interval(hits: usize, of: usize) -> (f64, f64) {
	let (p, n, z) = (hits as f64 / of as f64, of as f64, 1.96f64);
	let centre = (p + z * z / (2.0 * n)) / (1.0 + z * z / n);
	let half = z / (1.0 + z * z / n) * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
	((centre - half).max(0.0), (centre + half).min(1.0))
}

fn main() {
	let replicas: u64 = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(200);
	let mut strategies = vec![Strategy::Honest; HONEST];
	strategies.extend(LAZY.iter().flat_map(|(_, strategy)| [*strategy; OF_EACH]));
	let mut all: Vec<Vec<Player>> = Vec::new();
	let threads = std::thread::available_parallelism().map_or(1, |n| n.get() as u64).min(2);
	std::thread::scope(|scope| {
		let strategies = &strategies;
		let runs: Vec<_> = (0..threads)
			.map(|thread| {
				scope.spawn(move || {
					let mine = (0..replicas).filter(|replica| replica % threads == thread);
					mine.map(|replica| play(replica, strategies)).collect::<Vec<_>>()
				})
			})
			.collect();
		for run in runs {
			all.extend(run.join().expect("no run panics"));
		}
	});

	let audits = strategies.len() as u32 * SEATS_PER_ROUND / AUDITORS;
	println!("{replicas} populations of {} operators, {ROUNDS} rounds of {audits} audits", strategies.len());
	println!(
		"{SEATS_PER_ROUND} seats an operator and round, {} % forced errors",
		f64::from(TRAP_SHARE) / 1e4
	);
	println!(
		"\n{:<16} {:>9} {:>19} {:>10} {:>10} {:>12} {:>14}",
		"strategy", "detected", "95 % interval", "work done", "BLY/seat", "honest - it", "dear work, BLY"
	);
	let mut json = Vec::new();
	let honest = summary(&all, 0..HONEST);
	for (index, (name, strategy)) in core::iter::once(("honest", Strategy::Honest)).chain(LAZY).enumerate() {
		let range = match strategy {
			Strategy::Honest => 0..HONEST,
			_ => {
				let first = HONEST + (index - 1) * OF_EACH;
				first..first + OF_EACH
			}
		};
		let seen = summary(&all, range);
		let (low, high) = interval(seen.detected, seen.players);
		let rate = seen.detected as f64 / seen.players as f64;
		// Laziness pays if an evaluation costs more than what is lost by each one that was not made.
		let dear = (honest.profit - seen.profit) / (honest.work - seen.work).max(1e-9);
		let dear = if strategy == Strategy::Honest { 0.0 } else { dear };
		println!(
			"{name:<16} {:>8.3}% [{:>7.3}%,{:>8.3}%] {:>9.1}% {:>10.5} {:>12.5} {:>14.5}",
			rate * 100.0,
			low * 100.0,
			high * 100.0,
			seen.work * 100.0,
			seen.profit,
			honest.profit - seen.profit,
			dear
		);
		json.push(format!(
			r#""{name}":{{"detected":{rate:.5},"low":{low:.5},"high":{high:.5},"profit_per_seat":{:.6}}}"#,
			seen.profit
		));
	}
	let (_, alarm) = interval(honest.detected, honest.players);
	println!(
		"\nfalse alarms: {} of {} honest operators, below {alarm:.5} at 95 %",
		honest.detected, honest.players
	);
	let analytic = 1.0 - (1.0 - f64::from(TRAP_SHARE) / 1e6).powi((ROUNDS * SEATS_PER_ROUND) as i32);
	println!("analytic bound for always_confirm: 1 - 0.98^300 = {analytic:.5}");
	println!(
		r#"{{"bench":"audits_detection","rounds":{ROUNDS},"seats_per_round":{SEATS_PER_ROUND},"trap_share":{TRAP_SHARE},"replicas":{replicas},"analytic":{analytic:.5},"false_alarms":{},"false_alarm_high":{alarm:.6},{}}}"#,
		honest.detected,
		json.join(",")
	);
}

struct Summary {
	players: usize,
	detected: usize,
	/// BLY a seat, what was lost included.
	profit: f64,
	/// Evaluations a seat.
	work: f64,
}

fn summary(all: &[Vec<Player>], range: core::ops::Range<usize>) -> Summary {
	let players: Vec<&Player> = all.iter().flat_map(|population| &population[range.clone()]).collect();
	let seats: u64 = players.iter().map(|player| player.seats).sum();
	let money: f64 = players.iter().map(|player| player.earned - player.stake_lost).sum();
	Summary {
		players: players.len(),
		detected: players.iter().filter(|player| player.nods + player.false_claims > 0).count(),
		profit: money / seats as f64,
		work: players.iter().map(|player| player.evaluations).sum::<u64>() as f64 / seats as f64,
	}
}

//! Tables for people, and one line of JSON for programs.

use crate::{
	rules::Setting,
	strategy::Strategy,
	study::{bly, Study, Sybil, SHARES},
};
use serde_json::{json, Value};

/// Prints all tables.
pub fn print(studies: &[Study], setting: &Setting) {
	rules(studies);
	seats(studies);
	lies(studies);
	gains(studies, setting);
	details(studies);
	floods(studies);
	sybils(studies);
	goals(studies);
}

fn rules(studies: &[Study]) {
	println!("Rules. Amounts in BLY.\n");
	println!(
		"{:<10} {:>6} {:>12} {:>8} {:>9} {:>7} {:>5} {:>7} {:>8}",
		"", "stake", "committees", "redraws", "attested", "fee", "bond", "a seat", "reward"
	);
	for Study { rules, .. } in studies {
		println!(
			"{:<10} {:>6} {:>12} {:>8} {:>9} {:>7} {:>5} {:>7} {:>8}",
			rules.name,
			bly(rules.stake),
			format!("{} + {}", rules.first, rules.strangers),
			rules.redraws,
			rules
				.attested_permille
				.map_or("-".into(), |permille| format!("{} %", f64::from(permille) / 10.0)),
			bly(rules.fee),
			bly(rules.bond),
			bly(rules.seat_reward),
			bly(rules.learning_base) * f64::from(rules.learning_multiple_max),
		);
	}
	println!();
}

fn seats(studies: &[Study]) {
	println!("Chances of a coalition in one draw, in parts per million: by formula, and by the pallet's own draws with their 95 % interval.\n");
	for study in studies.iter().take(2) {
		println!(
			"{:<10} {:>34} {:>34} {:>34}",
			study.rules.name, "whole first committee", "every seat", "two thirds of all seats"
		);
		for seats in &study.seats {
			print!("{:<10}", format!("{} %", seats.share));
			for chance in [seats.first, seats.all, seats.decisive] {
				let ppm = |x: f64| (x * 1e6).round();
				let (low, high) = chance.interval;
				print!(
					" {:>34}",
					format!("{} / {} [{}, {}]", ppm(chance.closed), ppm(chance.drawn), ppm(low), ppm(high))
				);
			}
			println!();
		}
		println!();
	}
}

fn lies(studies: &[Study]) {
	println!(
		"A lie, by formula, in BLY. To win: the reward, and as much for mending what it broke. Silencing: what it may cost to keep an honest stranger from sealing.\n"
	);
	println!(
		"{:<16} {:>10} {:>10} {:>9} {:>9} {:>9} {:>9} {:>12} {:>12} {:>10}",
		"rules, share",
		"begins",
		"stands",
		"to win",
		"stake",
		"to lose",
		"a try",
		"gain a try",
		"self-report",
		"silencing"
	);
	for study in studies.iter().take(2) {
		for (share, lie, reported) in &study.lies {
			println!(
				"{:<16} {:>10.6} {:>10.5} {:>9.0} {:>9.0} {:>9.1} {:>9.4} {:>+12.4} {:>+12.4} {:>10}",
				format!("{}, {share} %", study.rules.name),
				lie.begun,
				lie.stands,
				lie.value,
				lie.stake,
				lie.loss,
				lie.price,
				lie.gain,
				reported.gain,
				if study.rules.strangers > 0 { format!("{:.0}", lie.silencing.max(0.0)) } else { "-".into() },
			);
		}
	}
	println!();
}

fn gains(studies: &[Study], setting: &Setting) {
	println!(
		"Gain over honest conduct in {} days, BLY, with half of its 95 % interval; {} operators, seed {}.\n",
		setting.days, setting.operators, setting.seed
	);
	for study in studies {
		print!("{:<22}", study.rules.name);
		for share in SHARES {
			print!(" {:>17}", format!("{share} %"));
		}
		println!();
		for strategy in Strategy::PLAYED {
			print!("{:<22}", strategy.name());
			for year in study.years.iter().filter(|year| year.strategy == strategy) {
				print!(" {:>17}", format!("{:+.0} ({:.0})", year.gain, year.half));
			}
			println!();
		}
		println!();
	}
}

fn details(studies: &[Study]) {
	println!("The same years at a share of 33 %. Amounts in BLY; detection in days from the first breach to the first punishment.\n");
	for study in studies {
		println!(
			"{:<22} {:>7} {:>6} {:>7} {:>7} {:>7} {:>10} {:>9} {:>9} {:>7} {:>9} {:>9} {:>8} {:>6} {:>6} {:>9}",
			study.rules.name,
			"tries",
			"stood",
			"stolen",
			"acts",
			"caught",
			"detection",
			"slashed",
			"paid",
			"infl.%",
			"lost",
			"missed",
			"income",
			"G op.",
			"G min.",
			"accepted"
		);
		for year in study.years.iter().filter(|year| year.share == 33) {
			println!(
				"{:<22} {:>7} {:>6} {:>7} {:>7} {:>7} {:>10} {:>9.0} {:>9.0} {:>7.3} {:>9.1} {:>9.0} {:>8.1} {:>6.3} {:>6.3} {:>9}",
				year.strategy.name(),
				year.tries,
				year.stood,
				year.stolen,
				year.acts,
				year.caught,
				year.detection.map_or("-".into(), |days| format!("{days:.2}")),
				year.slashed,
				year.paid,
				year.inflation,
				year.honest_lost,
				year.honest_missed,
				year.income,
				year.gini.0,
				year.gini.1,
				year.honest[3],
			);
		}
		println!();
	}
}

fn floods(studies: &[Study]) {
	println!("Keeping others out: 28 days by a tenth of the operators; honest miners pay a fee of 20 BLY at most.\n");
	println!(
		"{:<26} {:>10} {:>12} {:>14} {:>12}",
		"rules, strategy", "BLY a day", "made a day", "judged a day", "hours waited"
	);
	for study in studies {
		for flood in &study.floods {
			println!(
				"{:<26} {:>10.2} {:>12.1} {:>14.1} {:>12.2}",
				format!("{}, {}", study.rules.name, flood.strategy.name()),
				flood.cost,
				flood.made,
				flood.judged,
				flood.waited
			);
		}
	}
	println!();
}

fn sybils(studies: &[Study]) {
	println!("Newcomers in all 156 free places beside 100 veterans, who work honestly: share of the weight after so many days.\n");
	for study in studies.iter().take(2) {
		let Sybil { newcomers, stakes, bonds, shares } = &study.sybil;
		print!(
			"{:<10} {newcomers} newcomers, {stakes:.0} BLY of stakes, {bonds:.1} BLY of bonds:",
			study.rules.name
		);
		for (days, share) in shares {
			print!(" {days} d {:.1} %", share * 100.0);
		}
		println!();
	}
	println!();
}

fn goals(studies: &[Study]) {
	println!("Goals.\n");
	for study in studies {
		for goal in study.goals() {
			println!(
				"{:<10} {:<6} {}",
				study.rules.name,
				if goal.holds { "holds" } else { "FAILS" },
				goal.name
			);
			for found in goal.found.iter().take(8) {
				println!("{:<17} {found}", "");
			}
			if goal.found.len() > 8 {
				println!("{:<17} and {} more", "", goal.found.len() - 8);
			}
		}
		println!();
	}
}

/// Everything in one value.
pub fn json(studies: &[Study], setting: &Setting, seconds: f64) -> Value {
	let study = |study: &Study| {
		let years: Vec<Value> = study
			.years
			.iter()
			.map(|year| {
				json!({
					"strategy": year.strategy.name(), "share": year.share, "gain": year.gain, "half": year.half,
					"tries": year.tries, "stood": year.stood, "stolen": year.stolen, "acts": year.acts,
					"caught": year.caught, "detection_days": year.detection, "slashed": year.slashed,
					"paid": year.paid, "inflation_percent": year.inflation, "honest_lost": year.honest_lost,
					"honest_missed": year.honest_missed, "honest_income": year.income,
					"gini_operators": year.gini.0, "gini_miners": year.gini.1, "honest_accepted": year.honest[3],
					"rational_weeks": year.weeks,
				})
			})
			.collect();
		let seats: Vec<Value> = study
			.seats
			.iter()
			.map(|seats| {
				let chance = |chance: crate::study::Chance| {
					json!({ "closed": chance.closed, "drawn": chance.drawn, "low": chance.interval.0, "high": chance.interval.1 })
				};
				json!({
					"share": seats.share, "first": chance(seats.first), "all": chance(seats.all),
					"decisive": chance(seats.decisive),
				})
			})
			.collect();
		let floods: Vec<Value> = study
			.floods
			.iter()
			.map(|flood| {
				json!({
					"strategy": flood.strategy.name(), "bly_a_day": flood.cost, "made": flood.made,
					"judged": flood.judged, "hours_waited": flood.waited,
				})
			})
			.collect();
		let goals: Vec<Value> = study
			.goals()
			.iter()
			.map(|goal| json!({ "goal": goal.name, "holds": goal.holds, "found": goal.found }))
			.collect();
		json!({
			"rules": study.rules.name, "seats": seats, "years": years, "floods": floods, "goals": goals,
			"sybil_shares": study.sybil.shares,
		})
	};
	json!({
		"bench": "economy", "days": setting.days, "operators": setting.operators, "seed": setting.seed,
		"studies": studies.iter().map(study).collect::<Vec<_>>(), "seconds": seconds,
	})
}

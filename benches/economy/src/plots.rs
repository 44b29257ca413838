//! Plots of what was measured, as SVG.

use crate::{
	closed,
	rules::{Setting, BLY},
	strategy::Strategy,
	study::Study,
};
use plotters::{coord::Shift, prelude::*};
use std::path::Path;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Okabe and Ito's colours, which the colour-blind tell apart, and five more.
const COLOURS: [RGBColor; 13] = [
	RGBColor(0, 114, 178),
	RGBColor(213, 94, 0),
	RGBColor(0, 158, 115),
	RGBColor(204, 121, 167),
	RGBColor(230, 159, 0),
	RGBColor(86, 180, 233),
	RGBColor(0, 0, 0),
	RGBColor(150, 150, 150),
	RGBColor(120, 60, 20),
	RGBColor(100, 0, 150),
	RGBColor(150, 170, 0),
	RGBColor(200, 0, 60),
	RGBColor(0, 90, 60),
];
const FONT: &str = "sans-serif";

/// Draws all of them into `directory`.
pub fn draw(directory: &Path, studies: &[Study], setting: &Setting) -> Result<(), String> {
	std::fs::create_dir_all(directory).map_err(|error| error.to_string())?;
	gains(&directory.join("gains.svg"), studies)?;
	chances(&directory.join("chances.svg"), studies)?;
	lie(&directory.join("lie.svg"), studies, setting)?;
	flood(&directory.join("queue.svg"), studies)?;
	bars(
		&directory.join("inflation.svg"),
		"Coins minted in a year, % of those at its beginning, coalition of 33 %",
		studies,
		|year| year.inflation,
	)?;
	bars(
		&directory.join("income.svg"),
		"Yearly income of an honest operator, BLY, coalition of 33 %",
		studies,
		|year| year.income,
	)?;
	bars(
		&directory.join("harm.svg"),
		"What honest miners missed in a year, BLY, coalition of 33 %",
		studies,
		|year| year.honest_missed + year.honest_lost,
	)?;
	bars(
		&directory.join("concentration.svg"),
		"Gini coefficient of honest miners' rewards, coalition of 33 %",
		studies,
		|year| year.gini.1,
	)
}

fn text<E: std::error::Error + Send + Sync>(error: DrawingAreaErrorKind<E>) -> String {
	error.to_string()
}

/// Sign kept, logarithm of the rest: 0, 10, 100, ... lie at equal distances.
fn squeeze(value: f64) -> f64 {
	value.signum() * (1.0 + value.abs()).log10()
}

fn squeezed_label(value: &f64) -> String {
	let power = value.abs().round() as i32;
	if power == 0 {
		return "0".into();
	}
	let amount = 10f64.powi(power);
	let text = match power {
		0..=2 => format!("{amount}"),
		3..=5 => format!("{}k", amount / 1e3),
		_ => format!("{}M", amount / 1e6),
	};
	format!("{}{text}", if *value < 0.0 { "-" } else { "+" })
}

fn gains(path: &Path, studies: &[Study]) -> Result<(), String> {
	let root = SVGBackend::new(path, (1_500, 620)).into_drawing_area();
	root.fill(&WHITE).map_err(text)?;
	let (left, legend) = root.split_horizontally(1_300);
	for (area, study) in left.split_evenly((1, studies.len())).iter().zip(studies) {
		panel_of_gains(area, study)?;
	}
	for (index, strategy) in Strategy::PLAYED.iter().enumerate() {
		let y = 70 + 40 * index as i32;
		let colour = COLOURS[index % COLOURS.len()];
		legend.draw(&PathElement::new(vec![(0, y), (24, y)], colour.stroke_width(3))).map_err(text)?;
		legend.draw(&Text::new(strategy.name(), (32, y - 8), (FONT, 16))).map_err(text)?;
	}
	root.present().map_err(text)
}

fn panel_of_gains(area: &Area, study: &Study) -> Result<(), String> {
	let mut chart = ChartBuilder::on(area)
		.caption(format!("{} rules: gain over honest conduct, BLY a year", study.rules.name), (FONT, 17))
		.margin(12)
		.x_label_area_size(44)
		.y_label_area_size(56)
		.build_cartesian_2d(8.0..62.0, -6.5..6.5)
		.map_err(text)?;
	chart
		.configure_mesh()
		.x_desc("share of the operators, %")
		.y_labels(13)
		.x_labels(7)
		.x_label_formatter(&|x| format!("{x:.0}"))
		.y_label_formatter(&squeezed_label)
		.light_line_style(WHITE)
		.bold_line_style(RGBColor(225, 225, 225))
		.label_style((FONT, 14))
		.draw()
		.map_err(text)?;
	let zero = [(8.0, 0.0), (62.0, 0.0)];
	chart.draw_series(LineSeries::new(zero, BLACK.stroke_width(1))).map_err(text)?;
	chart.draw_series(LineSeries::new([(33.3, -6.5), (33.3, 6.5)], RGBColor(170, 170, 170))).map_err(text)?;
	for (index, strategy) in Strategy::PLAYED.iter().enumerate() {
		let colour = COLOURS[index % COLOURS.len()];
		let points: Vec<(f64, f64)> = study
			.years
			.iter()
			.filter(|year| year.strategy == *strategy)
			.map(|year| (f64::from(year.share), squeeze(year.gain)))
			.collect();
		chart.draw_series(LineSeries::new(points.clone(), colour.stroke_width(2))).map_err(text)?;
		chart
			.draw_series(points.into_iter().map(|point| Circle::new(point, 3, colour.filled())))
			.map_err(text)?;
	}
	Ok(())
}

fn chances(path: &Path, studies: &[Study]) -> Result<(), String> {
	let root = SVGBackend::new(path, (900, 560)).into_drawing_area();
	root.fill(&WHITE).map_err(text)?;
	let (area, legend) = root.split_horizontally(640);
	let mut chart = ChartBuilder::on(&area)
		.caption("Chance of a coalition in one draw: lines by formula, bars by draws", (FONT, 17))
		.margin(12)
		.x_label_area_size(44)
		.y_label_area_size(66)
		.build_cartesian_2d(8.0..62.0, (1e-6..1.0).log_scale())
		.map_err(text)?;
	chart
		.configure_mesh()
		.x_desc("share of the operators, %")
		.x_label_formatter(&|x| format!("{x:.0}"))
		.y_label_formatter(&|y| format!("{y:e}"))
		.light_line_style(WHITE)
		.bold_line_style(RGBColor(225, 225, 225))
		.label_style((FONT, 14))
		.draw()
		.map_err(text)?;
	let (old, new) = match studies {
		[old, new, ..] => (old, new),
		_ => return Err("two sets of rules are compared".into()),
	};
	let curves = [
		(
			"old: four of five seats decide",
			old.seats.iter().map(|s| (s.share, s.decisive)).collect::<Vec<_>>(),
		),
		("old: all five seats, unseen", old.seats.iter().map(|s| (s.share, s.all)).collect()),
		("new: six of eight seats decide", new.seats.iter().map(|s| (s.share, s.decisive)).collect()),
		("new: all eight seats, unseen", new.seats.iter().map(|s| (s.share, s.all)).collect()),
	];
	for (index, (name, points)) in curves.into_iter().enumerate() {
		let colour = COLOURS[index];
		let visible = points.iter().filter(|(_, chance)| chance.closed >= 1e-6);
		let line = visible.map(|(share, chance)| (f64::from(*share), chance.closed));
		chart.draw_series(LineSeries::new(line, colour.stroke_width(2))).map_err(text)?;
		for (share, chance) in &points {
			let (low, high) = chance.interval;
			if chance.drawn > 0.0 {
				let x = f64::from(*share);
				let bar = vec![(x, low.max(1e-6)), (x, high)];
				chart.draw_series([PathElement::new(bar, colour.stroke_width(4))]).map_err(text)?;
			}
		}
		let y = 80 + 36 * index as i32;
		legend.draw(&PathElement::new(vec![(0, y), (24, y)], colour.stroke_width(3))).map_err(text)?;
		legend.draw(&Text::new(name, (32, y - 8), (FONT, 15))).map_err(text)?;
	}
	root.present().map_err(text)
}

/// Expected gain of one lie once its first committee is its own, against the share.
fn lie(path: &Path, studies: &[Study], setting: &Setting) -> Result<(), String> {
	let root = SVGBackend::new(path, (900, 560)).into_drawing_area();
	root.fill(&WHITE).map_err(text)?;
	let (area, legend) = root.split_horizontally(660);
	let mut chart = ChartBuilder::on(&area)
		.caption("Expected value of a lie in a first committee of one's own, BLY", (FONT, 17))
		.margin(12)
		.x_label_area_size(44)
		.y_label_area_size(66)
		.build_cartesian_2d(5.0..90.0, -400.0..2_200.0)
		.map_err(text)?;
	chart
		.configure_mesh()
		.x_desc("share of the operators, %")
		.x_label_formatter(&|x| format!("{x:.0}"))
		.y_label_formatter(&|y| format!("{y:.0}"))
		.light_line_style(WHITE)
		.bold_line_style(RGBColor(225, 225, 225))
		.label_style((FONT, 14))
		.draw()
		.map_err(text)?;
	chart.draw_series(LineSeries::new([(5.0, 0.0), (90.0, 0.0)], BLACK)).map_err(text)?;
	let curves = studies.iter().take(2).flat_map(|study| [(study, false), (study, true)]);
	for (index, (study, reports_itself)) in curves.enumerate() {
		let colour = COLOURS[index];
		let points = (5..=90).map(|share: u32| {
			let ours = setting.operators as u32 * share / 100;
			let lie = closed::lie(&study.rules, setting, ours, reports_itself);
			(f64::from(share), lie.stands * lie.value - (1.0 - lie.stands) * lie.loss)
		});
		chart.draw_series(LineSeries::new(points, colour.stroke_width(2))).map_err(text)?;
		let y = 80 + 36 * index as i32;
		let name = format!("{}{}", study.rules.name, if reports_itself { ", reports itself" } else { "" });
		legend.draw(&PathElement::new(vec![(0, y), (24, y)], colour.stroke_width(3))).map_err(text)?;
		legend.draw(&Text::new(name, (32, y - 8), (FONT, 15))).map_err(text)?;
	}
	root.present().map_err(text)
}

/// Plots the price of a place by the length of the queue, and a day of keeping it so long.
fn flood(path: &Path, studies: &[Study]) -> Result<(), String> {
	let root = SVGBackend::new(path, (900, 520)).into_drawing_area();
	root.fill(&WHITE).map_err(text)?;
	let (area, legend) = root.split_horizontally(640);
	let mut chart = ChartBuilder::on(&area)
		.caption("Keeping a queue full: BLY a day", (FONT, 17))
		.margin(12)
		.x_label_area_size(44)
		.y_label_area_size(76)
		.build_cartesian_2d(0.0..256.0, (1.0..1e6).log_scale())
		.map_err(text)?;
	chart
		.configure_mesh()
		.x_desc("submissions in the queue")
		.x_label_formatter(&|x| format!("{x:.0}"))
		.y_label_formatter(&|y| format!("{y:.0}"))
		.light_line_style(WHITE)
		.bold_line_style(RGBColor(225, 225, 225))
		.label_style((FONT, 14))
		.draw()
		.map_err(text)?;
	for (index, study) in studies.iter().take(2).enumerate() {
		let rules = study.rules;
		let a_day = 14_400.0 / f64::from(rules.cycle);
		let points = (0..=256usize).map(|length| {
			let each = (rules.evaluation_fee(length) + rules.transaction) as f64 / BLY as f64;
			(length as f64, a_day * each)
		});
		let colour = COLOURS[index];
		chart.draw_series(LineSeries::new(points, colour.stroke_width(2))).map_err(text)?;
		let y = 80 + 36 * index as i32;
		let name = format!("{}: {a_day:.0} places a day", rules.name);
		legend.draw(&PathElement::new(vec![(0, y), (24, y)], colour.stroke_width(3))).map_err(text)?;
		legend.draw(&Text::new(name, (32, y - 8), (FONT, 15))).map_err(text)?;
	}
	root.present().map_err(text)
}

/// One group of bars a strategy, one bar for each set of rules.
fn bars(
	path: &Path,
	title: &str,
	studies: &[Study],
	of: impl Fn(&crate::study::Year) -> f64,
) -> Result<(), String> {
	let strategies: Vec<Strategy> = std::iter::once(Strategy::Honest).chain(Strategy::PLAYED).collect();
	let value = |study: &Study, strategy: Strategy| {
		let mut years = study.years.iter().filter(|year| year.share == 33 && year.strategy == strategy);
		years.next().map_or(0.0, &of)
	};
	let largest = studies
		.iter()
		.flat_map(|study| strategies.iter().map(|strategy| value(study, *strategy)))
		.fold(1e-9, f64::max);
	let root = SVGBackend::new(path, (1_000, 48 * strategies.len() as u32 + 100)).into_drawing_area();
	root.fill(&WHITE).map_err(text)?;
	root.draw(&Text::new(title, (20, 16), (FONT, 18))).map_err(text)?;
	for (index, study) in studies.iter().enumerate() {
		let x = 170 + 130 * index as i32;
		root.draw(&Rectangle::new([(x, 46), (x + 16, 58)], COLOURS[index].filled())).map_err(text)?;
		root.draw(&Text::new(study.rules.name, (x + 24, 44), (FONT, 15))).map_err(text)?;
	}
	for (row, strategy) in strategies.iter().enumerate() {
		let top = 76 + 48 * row as i32;
		root.draw(&Text::new(strategy.name(), (20, top + 10), (FONT, 15))).map_err(text)?;
		for (index, study) in studies.iter().enumerate() {
			let amount = value(study, *strategy);
			let length = (amount / largest * 690.0).round() as i32;
			let y = top + 13 * index as i32;
			let bar = [(170, y), (170 + length, y + 11)];
			root.draw(&Rectangle::new(bar, COLOURS[index].filled())).map_err(text)?;
			let label = if largest < 20.0 { format!("{amount:.3}") } else { format!("{amount:.0}") };
			root.draw(&Text::new(label, (176 + length, y - 2), (FONT, 11))).map_err(text)?;
		}
	}
	root.present().map_err(text)
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn squeezed_axes_name_powers_of_ten_on_both_sides_of_zero() {
		assert_eq!(squeezed_label(&0.0), "0");
		assert_eq!(squeezed_label(&2.0), "+100");
		assert_eq!(squeezed_label(&-4.0), "-10k");
		assert!((squeeze(-99.0) + 2.0).abs() < 1e-12);
	}
}

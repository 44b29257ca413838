//! The plot of the demo: bits per byte of the model after each accepted expert.

use crate::failure::{Failure, Outcome};
use plotters::prelude::*;
use std::path::Path;

/// One state of the model.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
	/// The change, such as "genesis" or "layer2.expert5".
	pub label: String,
	/// Bits per byte on the sample that decided, less is better.
	pub bits_per_byte: f64,
	/// Standard error of the last change; zero where there was none.
	pub error: f64,
}

const SIZE: (u32, u32) = (900, 540);
const BLUE: RGBColor = RGBColor(0x1f, 0x5f, 0xbf);

/// Draws the points as an SVG file.
pub fn draw(path: &Path, title: &str, points: &[Point]) -> Outcome<()> {
	if points.is_empty() {
		return Err(Failure::new("there is nothing to plot"));
	}
	draw_svg(path, title, points)
		.map_err(|reason| Failure::new(format!("the plot {} cannot be drawn: {reason}", path.display())))
}

fn draw_svg(path: &Path, title: &str, points: &[Point]) -> Result<(), String> {
	let text = |error: DrawingAreaErrorKind<_>| error.to_string();
	let low = points.iter().map(|point| point.bits_per_byte - point.error).fold(f64::INFINITY, f64::min);
	let high = points.iter().map(|point| point.bits_per_byte + point.error).fold(0.0, f64::max);
	let margin = ((high - low) * 0.25).max(high.abs() * 0.005).max(1e-6);
	let last = points.len() as f64 - 1.0;

	let area = SVGBackend::new(path, SIZE).into_drawing_area();
	area.fill(&WHITE).map_err(text)?;
	let mut chart = ChartBuilder::on(&area)
		.caption(title, ("sans-serif", 22))
		.margin(20)
		.x_label_area_size(50)
		.y_label_area_size(80)
		.build_cartesian_2d(-0.4..last + 0.4, low - margin..high + margin)
		.map_err(text)?;
	chart
		.configure_mesh()
		.disable_x_mesh()
		.x_labels(0)
		.x_desc("accepted experts")
		.y_desc("bits per byte (less is better)")
		.y_label_formatter(&|value| format!("{value:.4}"))
		.light_line_style(WHITE)
		.label_style(("sans-serif", 15))
		.draw()
		.map_err(text)?;
	let place = |index: usize| (index as f64, points[index].bits_per_byte);
	chart.draw_series(LineSeries::new((0..points.len()).map(place), BLUE.stroke_width(2))).map_err(text)?;
	for (index, point) in points.iter().enumerate() {
		let (x, y) = place(index);
		if point.error > 0.0 {
			let whisker = [(x, y - point.error), (x, y + point.error)];
			chart.draw_series([PathElement::new(whisker.to_vec(), BLUE)]).map_err(text)?;
		}
		chart.draw_series([Circle::new((x, y), 5, BLUE.filled())]).map_err(text)?;
		let label = format!("{} {:.4}", point.label, point.bits_per_byte);
		let at = (x - 0.35, y + margin * 0.3);
		chart.draw_series([Text::new(label, at, ("sans-serif", 15))]).map_err(text)?;
	}
	area.present().map_err(text)
}

#[cfg(test)]
mod tests {
	use super::*;

	fn point(label: &str, bits_per_byte: f64) -> Point {
		Point { label: label.into(), bits_per_byte, error: 0.001 }
	}

	#[test]
	fn draw_writes_every_point_into_an_svg() {
		let dir = tempfile::tempdir().unwrap();
		let path = dir.path().join("plot.svg");
		let points = [point("genesis", 2.5), point("layer0.expert1", 2.25)];
		draw(&path, "Blyan", &points).unwrap();
		let svg = std::fs::read_to_string(&path).unwrap();
		assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
		assert_eq!(svg.matches("<circle").count(), 2);
		assert!(svg.contains("genesis 2.5000") && svg.contains("layer0.expert1 2.2500"));
	}

	#[test]
	fn draw_copes_with_one_point_and_refuses_none() {
		let dir = tempfile::tempdir().unwrap();
		let path = dir.path().join("plot.svg");
		draw(&path, "Blyan", &[point("genesis", 0.0)]).unwrap();
		assert!(draw(&path, "Blyan", &[]).is_err());
		assert!(draw(Path::new("/nowhere/plot.svg"), "Blyan", &[point("genesis", 1.0)]).is_err());
	}
}

//! The other sides: f32 products through the crate that burn-flex multiplies with, and through numpy.

use std::{
	error::Error,
	io::{BufRead, BufReader, Write},
	path::Path,
	process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

/// An f32 product of `[rows, cols]` with the rows of `[tokens, cols]`.
pub struct Float {
	rows: usize,
	cols: usize,
	tokens: usize,
	weights: Vec<f32>,
	inputs: Vec<f32>,
	out: Vec<f32>,
}

impl Float {
	/// Arbitrary numbers: the time does not depend on them.
	pub fn new(rows: usize, cols: usize, tokens: usize) -> Self {
		let numbers = |len: usize| (0..len).map(|i| (i % 251) as f32 / 251.0 - 0.5).collect();
		let (weights, inputs) = (numbers(rows * cols), numbers(tokens * cols));
		Self { rows, cols, tokens, weights, inputs, out: vec![0.0; tokens * rows] }
	}

	/// Multiplies once, on this thread.
	pub fn multiply(&mut self) {
		let (rows, cols) = (self.rows as isize, self.cols as isize);
		// SAFETY: the three matrices are row-major and have these shapes: `new` made them so. The weights are seen
		// transposed.
		unsafe {
			gemm::gemm(
				self.tokens,
				self.rows,
				self.cols,
				self.out.as_mut_ptr(),
				1,
				rows,
				false,
				self.inputs.as_ptr(),
				1,
				cols,
				self.weights.as_ptr(),
				cols,
				1,
				0.0,
				1.0,
				false,
				false,
				false,
				gemm::Parallelism::None,
			);
		}
		std::hint::black_box(&self.out);
	}
}

/// A Python process that multiplies when it is told to.
pub struct Numpy {
	/// Its name and version.
	pub version: String,
	process: Child,
	orders: ChildStdin,
	answers: BufReader<ChildStdout>,
}

impl Numpy {
	/// Starts `benches/rivals/kernels.py`.
	pub fn start(python: &Path) -> Result<Self, Box<dyn Error>> {
		let mut process = Command::new(python)
			.arg("benches/rivals/kernels.py")
			.stdin(Stdio::piped())
			.stdout(Stdio::piped())
			.spawn()?;
		let (Some(orders), Some(answers)) = (process.stdin.take(), process.stdout.take()) else {
			return Err("the process has no pipes".into());
		};
		let mut numpy = Self { version: String::new(), process, orders, answers: BufReader::new(answers) };
		numpy.version = numpy.answer()?;
		Ok(numpy)
	}

	/// Seconds of the fastest product in a time.
	pub fn multiply(
		&mut self,
		rows: usize,
		cols: usize,
		tokens: usize,
		seconds: f64,
	) -> Result<f64, Box<dyn Error>> {
		writeln!(self.orders, "{rows} {cols} {tokens} {seconds}")?;
		Ok(self.answer()?.parse()?)
	}

	fn answer(&mut self) -> Result<String, Box<dyn Error>> {
		let mut line = String::new();
		if self.answers.read_line(&mut line)? == 0 {
			return Err("benches/rivals/kernels.py ended early; run it by hand to see why".into());
		}
		Ok(line.trim().to_owned())
	}
}

impl Drop for Numpy {
	fn drop(&mut self) {
		// It may have ended already.
		let _ = self.process.kill();
		let _ = self.process.wait();
	}
}

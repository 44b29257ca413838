//! The other side, a Python process that is told what to do line by line.

use blyan_exact::ModelConfig;
use serde_json::{json, Value};
use std::{
	error::Error,
	io::{BufRead, BufReader, Write},
	path::Path,
	process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

/// llama.cpp, behind `benches/rivals/model.py`.
pub struct Rival {
	child: Child,
	commands: Option<ChildStdin>,
	answers: BufReader<ChildStdout>,
}

impl Rival {
	/// Starts the process; its models lie beside its virtual environment and are made once.
	pub fn start(python: &Path) -> Result<Self, Box<dyn Error>> {
		let models = python.ancestors().nth(2).ok_or("the Python has no environment")?.join("models");
		let mut child = Command::new(python)
			.arg("benches/rivals/model.py")
			.arg(models)
			.stdin(Stdio::piped())
			.stdout(Stdio::piped())
			.spawn()?;
		let commands = child.stdin.take();
		let answers = BufReader::new(child.stdout.take().ok_or("the other side has no output")?);
		Ok(Self { child, commands, answers })
	}

	fn ask(&mut self, command: &Value) -> Result<Value, Box<dyn Error>> {
		let commands = self.commands.as_mut().ok_or("the other side has no input")?;
		writeln!(commands, "{command}")?;
		let mut line = String::new();
		if self.answers.read_line(&mut line)? == 0 {
			return Err("the other side has failed; what it wrote stands above".into());
		}
		Ok(serde_json::from_str(&line)?)
	}

	fn seconds(&mut self, command: &Value) -> Result<f64, Box<dyn Error>> {
		Ok(self.ask(command)?["seconds"].as_f64().ok_or("the other side did not measure")?)
	}

	/// Packages, and what the library was compiled for.
	pub fn versions(&mut self) -> Result<Value, Box<dyn Error>> {
		self.ask(&json!({ "versions": true }))
	}

	/// Loads the model of this shape and quantisation, made of random weights; `None` if there cannot be one.
	pub fn open(
		&mut self,
		config: &ModelConfig,
		quantisation: &str,
		threads: usize,
	) -> Result<Option<Value>, Box<dyn Error>> {
		let command = json!({ "open": config, "quantisation": quantisation, "threads": threads });
		let opened = self.ask(&command)?;
		Ok(opened.get("refused").is_none().then_some(opened))
	}

	/// Seconds for a prompt.
	pub fn prefill(&mut self, tokens: usize) -> Result<f64, Box<dyn Error>> {
		self.seconds(&json!({ "prefill": tokens }))
	}

	/// Seconds for single tokens behind a prompt.
	pub fn decode(&mut self, (after, tokens): (usize, usize)) -> Result<f64, Box<dyn Error>> {
		self.seconds(&json!({ "decode": [after, tokens] }))
	}
}

impl Drop for Rival {
	fn drop(&mut self) {
		// The end of its input ends it.
		self.commands = None;
		let _ = self.child.wait();
	}
}

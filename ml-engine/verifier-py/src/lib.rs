//! Python bindings of the check of an answer by the definition.
//!
//! Files of a model in, the first token out that the model would not have chosen. Nothing of the arithmetic is written a second time: it is that of
//! `blyan-verifier`, which browsers run as WebAssembly. The package around it is in `python/`; `scripts/wheel verifier` builds and tests both.

use blyan_exact::Sampling;
use blyan_verifier::{AnswerRecord, Check, Difference, End, ModelFiles, Step};
use pyo3::{exceptions::PyValueError, prelude::*, types::PyBytes};
use std::{
	fmt::Display,
	sync::{PoisonError, RwLock},
	time::{Duration, Instant},
};

/// Names of the reasons for which an answer is over, in the order of [`End::ALL`].
const ENDS: [&str; 5] = ["end", "stop", "length", "context", "cancelled"];
/// Time after which the interpreter gets a turn, so that Ctrl-C ends a check.
const TURN: Duration = Duration::from_millis(50);

/// Index, expected and found id of a token.
type TokenDifference = (usize, u32, u32);
/// Tokens after which the definition ends an answer, if it does, and why; the reason by the record.
type EndDifference = (Option<(usize, &'static str)>, &'static str);
/// Equality, whether the end was checked, and the first difference.
type Found = (bool, bool, Option<TokenDifference>, Option<EndDifference>);

/// A model on its way in: its architecture, and the files that have come.
///
/// :param architecture: the record of the architecture, as model.json has it in hexadecimals
#[pyclass(name = "ModelFiles", module = "blyan_verifier._native", frozen)]
struct PyModelFiles {
	files: RwLock<ModelFiles>,
}

#[pymethods]
impl PyModelFiles {
	#[new]
	fn new(architecture: &[u8]) -> PyResult<Self> {
		let files = ModelFiles::new(architecture).map_err(refused)?;
		Ok(Self { files: RwLock::new(files) })
	}

	/// Number of parts.
	fn parts(&self) -> usize {
		self.files.read().unwrap_or_else(PoisonError::into_inner).parts()
	}

	/// Bytes that the file of a part has.
	fn part_bytes(&self, part: usize) -> Option<u64> {
		self.files.read().unwrap_or_else(PoisonError::into_inner).part_bytes(part)
	}

	/// Takes the file of a part, checks every byte of it and returns its root.
	fn put<'py>(&self, py: Python<'py>, part: usize, file: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
		let file = file.to_vec();
		// Never waited for: a check holds the files for minutes, and asks for the interpreter's lock meanwhile.
		let files = self.files.try_write();
		let mut files =
			files.map_err(|_| refused("these files are in use: wait until their check has ended"))?;
		let root = files.put(part, file);
		Ok(PyBytes::new(py, &root.map_err(refused)?))
	}

	/// Root of the model, which follows from its files.
	fn model_root<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
		let root = self.files.read().unwrap_or_else(PoisonError::into_inner).model_root();
		Ok(PyBytes::new(py, &root.map_err(refused)?))
	}

	/// Computes an answer again, up to the first difference. Without the interpreter's lock, but for a moment every 50 ms.
	///
	/// :param progress: called with the positions that are computed and those that are computed at most
	#[pyo3(signature = (prompt, answer, ends, seed, temperature, top_p, tokens_max, end, has_stops, progress=None))]
	fn check(
		&self,
		py: Python<'_>,
		prompt: Vec<u32>,
		answer: Vec<u32>,
		ends: Vec<u32>,
		seed: u64,
		temperature: u16,
		top_p: u16,
		tokens_max: u64,
		end: String,
		has_stops: bool,
		progress: Option<Py<PyAny>>,
	) -> PyResult<Found> {
		let place = ENDS.iter().position(|name| *name == end.as_str());
		let end = place.and_then(|place| End::ALL.get(place)).copied();
		let end = end.ok_or_else(|| PyValueError::new_err(format!("end: one of {}", ENDS.join(", "))))?;
		let sampling = Sampling { temperature, top_p, seed: Sampling::key_of(seed) };
		let record = AnswerRecord { prompt, answer, sampling, tokens_max, ends, end, has_stops };
		py.detach(|| self.run(record, progress.as_ref()))
	}
}

impl PyModelFiles {
	fn run(&self, record: AnswerRecord, progress: Option<&Py<PyAny>>) -> PyResult<Found> {
		let files = self.files.read().unwrap_or_else(PoisonError::into_inner);
		let loaded = files.load().map_err(refused)?;
		let model = loaded.model().map_err(refused)?;
		let mut check = Check::new(&model, record).map_err(refused)?;
		let mut turn = Instant::now();
		loop {
			match check.step().map_err(refused)? {
				Step::More => {}
				Step::Equal { is_end_checked } => return Ok((true, is_end_checked, None, None)),
				Step::Differs(difference) => return Ok(found(difference)),
			}
			if turn.elapsed() < TURN {
				continue;
			}
			Python::attach(|py| -> PyResult<()> {
				py.check_signals()?;
				if let Some(progress) = progress {
					progress.call1(py, check.progress())?;
				}
				Ok(())
			})?;
			turn = Instant::now();
		}
	}
}

fn found(difference: Difference) -> Found {
	match difference {
		Difference::Token { index, expected, found } => (false, true, Some((index, expected, found)), None),
		Difference::End { expected, found } => {
			let expected = expected.map(|(tokens, end)| (tokens, name(end)));
			(false, true, None, Some((expected, name(found))))
		}
	}
}

fn name(end: End) -> &'static str {
	match end {
		End::EndToken => "end",
		End::Stop => "stop",
		End::Length => "length",
		End::Context => "context",
		End::Cancelled => "cancelled",
	}
}

fn refused(error: impl Display) -> PyErr {
	PyValueError::new_err(error.to_string())
}

/// Root over the tokens of prompt and answer, by which a signed receipt names them.
#[pyfunction]
fn tokens_root(py: Python<'_>, prompt: Vec<u32>, answer: Vec<u32>) -> Bound<'_, PyBytes> {
	let record = AnswerRecord {
		prompt,
		answer,
		sampling: Sampling { temperature: 0, top_p: 0, seed: Sampling::key_of(0) },
		tokens_max: 0,
		ends: Vec::new(),
		end: End::Length,
		has_stops: false,
	};
	PyBytes::new(py, &record.tokens_root())
}

/// Native half of the package.
#[pymodule(name = "_native")]
fn native(module: &Bound<'_, PyModule>) -> PyResult<()> {
	module.add_class::<PyModelFiles>()?;
	module.add_function(wrap_pyfunction!(tokens_root, module)?)?;
	module.add("ENDS", ENDS.to_vec())?;
	module.add("__version__", env!("CARGO_PKG_VERSION"))?;
	Ok(())
}

//! Python bindings of the filter that runs before any model.
//!
//! The same code as a node's: a text that passes here passes there, in the same release. The package around it is in `python/`;
//! README.md shows it within other tools. `scripts/wheel` builds and tests both.

mod gate;
mod texts;
mod verdict;

use blyan_datasets::{
	filter::{self, Rules, RULES_VERSION},
	Finding, Reason,
};
use gate::PyGate;
use pyo3::{prelude::*, pybacked::PyBackedStr, types::PyType};
use rayon::prelude::*;
use texts::strings;
use verdict::{name, PyVerdict};

/// Longest document, as jobs cut texts.
const DOCUMENT_BYTES_MAX: usize = 64 << 10;

/// The filter with its patterns compiled. May be used by several threads at a time, and pickled.
///
/// :param any_licence: takes texts under licences that are not permissive
/// :param keep_generated: takes texts that a program wrote
/// :param bytes_min: shorter texts are left out
#[pyclass(name = "Filter", module = "blyan_datasets", frozen)]
struct PyFilter {
	filter: filter::Filter,
	rules: Rules,
}

#[pymethods]
impl PyFilter {
	#[new]
	#[pyo3(signature = (any_licence=false, keep_generated=false, bytes_min=Rules::default().bytes_min))]
	fn new(any_licence: bool, keep_generated: bool, bytes_min: usize) -> Self {
		let rules = Rules { any_licence, keep_generated, bytes_min, ..Rules::default() };
		Self { filter: filter::Filter::new(rules), rules }
	}

	/// Judges one document.
	fn judge(&self, py: Python<'_>, text: PyBackedStr) -> PyVerdict {
		py.detach(|| self.filter.judge(&text).into())
	}

	/// Judges documents, without the interpreter's lock.
	///
	/// :param texts: any iterable of str
	/// :param parallel: on all cores (RAYON_NUM_THREADS), for a process that has the machine to itself; not behind a fork
	#[pyo3(signature = (texts, parallel=false))]
	fn judge_batch(&self, texts: &Bound<'_, PyAny>, parallel: bool) -> PyResult<Vec<PyVerdict>> {
		let py = texts.py();
		let texts = strings(texts)?;
		let judge = |text: &PyBackedStr| PyVerdict::from(self.filter.judge(text));
		Ok(py.detach(|| match parallel {
			true => texts.par_iter().map(judge).collect(),
			false => texts.iter().map(judge).collect(),
		}))
	}

	/// Judges a text of any length as the documents that a node would cut it into, which together are the text.
	///
	/// A notice at its beginning and a secret anywhere in it hold for all of them.
	#[pyo3(signature = (text, document_bytes_max=DOCUMENT_BYTES_MAX))]
	fn pieces(
		&self,
		py: Python<'_>,
		text: PyBackedStr,
		document_bytes_max: usize,
	) -> Vec<(String, PyVerdict)> {
		py.detach(|| {
			let judged = self.filter.judge_whole(&text, None, document_bytes_max);
			judged.pieces.into_iter().map(|(piece, verdict)| (piece.to_string(), verdict.into())).collect()
		})
	}

	fn __reduce__<'py>(slf: &Bound<'py, Self>) -> (Bound<'py, PyType>, (bool, bool, usize)) {
		let rules = slf.get().rules;
		(slf.get_type(), (rules.any_licence, rules.keep_generated, rules.bytes_min))
	}

	fn __repr__(&self) -> String {
		let word = |flag| if flag { "True" } else { "False" };
		format!(
			"Filter(any_licence={}, keep_generated={}, bytes_min={})",
			word(self.rules.any_licence),
			word(self.rules.keep_generated),
			self.rules.bytes_min
		)
	}
}

/// Finds copies within a set of texts, exact and near, as a node does: for each text the reason and the index of the text that is
/// kept in its place, or None if it is kept.
///
/// The same texts are kept in whatever order they are given. Uses all cores, without the interpreter's lock.
#[pyfunction]
fn copies(texts: &Bound<'_, PyAny>) -> PyResult<Vec<Option<(String, usize)>>> {
	let py = texts.py();
	let texts = strings(texts)?;
	let copies = py.detach(|| filter::copies(&texts));
	Ok(copies.into_iter().map(|copy| copy.map(|copy| (name(copy.reason), copy.kept))).collect())
}

/// Native half of the package.
#[pymodule(name = "_native")]
fn native(module: &Bound<'_, PyModule>) -> PyResult<()> {
	module.add_class::<PyFilter>()?;
	module.add_class::<PyGate>()?;
	module.add_class::<PyVerdict>()?;
	module.add_function(wrap_pyfunction!(copies, module)?)?;
	module.add("REASONS", Reason::ALL.iter().map(|reason| name(*reason)).collect::<Vec<_>>())?;
	module.add("FINDINGS", Finding::ALL.iter().map(|finding| name(*finding)).collect::<Vec<_>>())?;
	module.add("RULES_VERSION", RULES_VERSION)?;
	module.add("DOCUMENT_BYTES_MAX", DOCUMENT_BYTES_MAX)?;
	module.add("__version__", env!("CARGO_PKG_VERSION"))?;
	Ok(())
}

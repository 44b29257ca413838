//! The gate: advice of classifiers about documents.

use crate::{texts::strings, verdict::name};
use blyan_gate::{Gate, Judgement, Options, Record};
use pyo3::{exceptions::PyRuntimeError, prelude::*, pybacked::PyBackedStr};
use std::path::PathBuf;

/// Scores of a document: low quality and toxicity in thousandths, its language if that is sure, names of the advice.
type Scored = (u16, u16, Option<&'static str>, Vec<String>);

/// Three classifiers, in processes of the program `blyan-gate`, which the package does not bring: `scripts/build-gate` builds it.
///
/// :param program: path of the program; BLYAN_GATE, or wherever the system finds it, if absent
/// :param processes: processes; one a core if absent
/// :param languages: languages that are wanted, codes of two letters; any if absent
#[pyclass(name = "Gate", module = "blyan_datasets", frozen)]
pub struct PyGate {
	gate: Gate,
}

#[pymethods]
impl PyGate {
	#[new]
	#[pyo3(signature = (program=None, processes=None, languages=None))]
	fn new(
		program: Option<PathBuf>,
		processes: Option<usize>,
		languages: Option<Vec<String>>,
	) -> PyResult<Self> {
		let options =
			Options { program, processes, languages: languages.unwrap_or_default(), ..Options::default() };
		let gate = Gate::start(&options).map_err(failed)?;
		Ok(Self { gate })
	}

	/// Scores documents: for each low quality and toxicity in thousandths, the language if that is sure, and the names of the advice.
	///
	/// Without the interpreter's lock. Scores of two machines may differ in the last digit.
	fn judge_batch(&self, texts: &Bound<'_, PyAny>) -> PyResult<Vec<Scored>> {
		let py = texts.py();
		let texts: Vec<PyBackedStr> = strings(texts)?;
		let judged = py.detach(|| {
			let records: Vec<Record<'_>> = texts.iter().map(|text| Record { text, language: None }).collect();
			self.gate.judge(&records)
		});
		Ok(judged.map_err(failed)?.into_iter().map(scored).collect())
	}

	/// The runtime of the classifiers, in words.
	#[getter]
	fn runtime(&self) -> &str {
		self.gate.runtime()
	}
}

fn scored(judgement: Judgement) -> Scored {
	let Judgement { quality, toxicity, language, findings } = judgement;
	(quality, toxicity, language, findings.into_iter().map(name).collect())
}

fn failed(error: blyan_gate::GateError) -> PyErr {
	PyRuntimeError::new_err(error.to_string())
}

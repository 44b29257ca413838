//! Verdicts, with the names of closed lists as they stand in manifests.

use blyan_datasets::{filter::Verdict, Finding, Reason};
use pyo3::{
	exceptions::PyValueError,
	prelude::*,
	types::{PyTuple, PyType},
};
use serde::{de::DeserializeOwned, Serialize};
use serde_json::Value;

/// Result for one document: the reason for leaving it out, or None, and the kinds of findings.
#[pyclass(name = "Verdict", module = "blyan_datasets", frozen, eq, hash)]
#[derive(PartialEq, Eq, Hash)]
pub struct PyVerdict {
	reason: Option<Reason>,
	findings: Vec<Finding>,
}

impl From<Verdict> for PyVerdict {
	fn from(verdict: Verdict) -> Self {
		Self { reason: verdict.reason, findings: verdict.findings }
	}
}

#[pymethods]
impl PyVerdict {
	#[new]
	#[pyo3(signature = (reason=None, findings=Vec::new()))]
	fn new(reason: Option<String>, findings: Vec<String>) -> PyResult<Self> {
		let reason = reason.map(member).transpose()?;
		let findings = findings.into_iter().map(member).collect::<PyResult<_>>()?;
		Ok(Self { reason, findings })
	}

	/// Reason for leaving the document out, one of REASONS; None keeps it.
	#[getter]
	fn reason(&self) -> Option<String> {
		self.reason.map(name)
	}

	/// Kinds of findings, of FINDINGS, each once. A text whose shape is refused is not looked into.
	#[getter]
	fn findings<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
		PyTuple::new(py, self.findings.iter().map(|finding| name(*finding)))
	}

	/// True if the document is kept.
	#[getter]
	fn kept(&self) -> bool {
		self.reason.is_none()
	}

	fn __reduce__<'py>(slf: &Bound<'py, Self>) -> (Bound<'py, PyType>, (Option<String>, Vec<String>)) {
		let verdict = slf.get();
		let findings = verdict.findings.iter().map(|finding| name(*finding)).collect();
		(slf.get_type(), (verdict.reason(), findings))
	}

	fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
		let reason = self.reason.map_or_else(|| "None".into(), |reason| format!("{:?}", name(reason)));
		let findings = self.findings(py)?.repr()?;
		Ok(format!("Verdict(reason={reason}, findings={findings})"))
	}
}

/// Name of a member of a closed list.
pub fn name<T: Serialize>(member: T) -> String {
	match serde_json::to_value(member) {
		Ok(Value::String(name)) => name,
		_ => String::new(),
	}
}

/// The member of a name.
fn member<T: DeserializeOwned>(name: String) -> PyResult<T> {
	serde_json::from_value(Value::String(name)).map_err(|error| PyValueError::new_err(error.to_string()))
}

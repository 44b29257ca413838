//! Texts that Python hands over.

use pyo3::{exceptions::PyTypeError, prelude::*, pybacked::PyBackedStr, types::PyString};

/// Texts of an iterable; a single text would be taken for a list of its characters.
pub fn strings(texts: &Bound<'_, PyAny>) -> PyResult<Vec<PyBackedStr>> {
	if texts.is_instance_of::<PyString>() {
		return Err(PyTypeError::new_err("expected an iterable of texts, not one text; pass [text]"));
	}
	texts.try_iter()?.map(|text| text?.extract()).collect()
}

//! Files that are sent as they are: a page of the operator's, and the parts of the model for those who compute answers again.

use crate::{error::ApiError, model::ServedModel, page};
use axum::{
	body::Body,
	extract::Request,
	http::{header, HeaderValue, StatusCode},
	response::Response,
};
use blyan_open_model::Manifest;
use futures::StreamExt;
use std::{
	path::{Path, PathBuf},
	sync::Arc,
};
use tokio::sync::Semaphore;
use tower_http::services::{ServeDir, ServeFile};

/// Files of a model that are sent at once. One has megabytes, and answers share the line with them.
const TRANSFERS_MAX: usize = 4;

/// Folder of a page, whose files every client may read.
#[derive(Clone, Debug)]
pub struct PageFolder {
	files: ServeDir,
	policy: HeaderValue,
}

impl PageFolder {
	/// Names the folder, whose `index.html` is the page.
	pub fn new(folder: &Path) -> Self {
		Self { files: ServeDir::new(folder), policy: page::FOLDER_POLICY }
	}

	/// Lets the page show what comes from these sources, too. Malformed ones change nothing.
	pub fn with_sources(self, sources: &str) -> Self {
		let policy = page::folder_policy_with(sources).unwrap_or_else(|| self.policy.clone());
		Self { policy, ..self }
	}

	/// Sends the file that a request names; `None` if the folder has none of this name.
	pub async fn send(&self, request: Request) -> Result<Option<Response>, ApiError> {
		let sent = self.files.clone().try_call(request).await.map_err(ApiError::failed)?;
		if sent.status() == StatusCode::NOT_FOUND {
			return Ok(None);
		}
		let mut response = sent.map(Body::new);
		response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, self.policy.clone());
		Ok(Some(response))
	}
}

/// Directory of the model, from which its files are sent to those who ask.
#[derive(Clone, Debug)]
pub struct ModelFiles {
	directory: PathBuf,
	transfers: Arc<Semaphore>,
}

impl ModelFiles {
	/// Names the directory of the model that is served.
	pub fn new(directory: &Path) -> Self {
		Self { directory: directory.to_path_buf(), transfers: Arc::new(Semaphore::new(TRANSFERS_MAX)) }
	}

	/// Sends a file of the model. Only the names that its manifest lists are looked for.
	pub async fn send(
		&self,
		model: &ServedModel,
		name: &str,
		request: Request,
	) -> Result<Response, ApiError> {
		if !is_listed(model.manifest(), name) {
			return Err(ApiError::request(
				StatusCode::NOT_FOUND,
				"file_not_found",
				format!("the model has no file {name:?}: ask for model.json, tokenizer.json or a part that model.json lists"),
			));
		}
		let transfer = self.transfers.clone().try_acquire_owned();
		let transfer = transfer.map_err(|_| ApiError::full(TRANSFERS_MAX))?;
		let file = ServeFile::new(self.directory.join(name)).try_call(request).await;
		let response = file.map_err(ApiError::failed)?.map(Body::new);
		// The place is free when the last byte is on its way, or the reader has left.
		Ok(response.map(|body| {
			Body::from_stream(body.into_data_stream().map(move |bytes| {
				let _held = &transfer;
				bytes
			}))
		}))
	}
}

/// Refuses a question for files that are not handed out.
pub fn not_shared() -> ApiError {
	ApiError::request(
		StatusCode::NOT_FOUND,
		"files_not_shared",
		"this server does not hand out the model's files: take them from where the model is published, or ask its operator to serve with \
		--share-model",
	)
}

/// Reports whether a name is that of a file of the model.
fn is_listed(manifest: &Manifest, name: &str) -> bool {
	let part = name.strip_prefix("parts/").and_then(|name| name.strip_suffix(".tblk"));
	match part {
		// A manifest that was tampered with must not lead out of the directory.
		Some(part) => !part.contains(['/', '\\']) && manifest.parts.iter().any(|listed| listed.name == part),
		None => matches!(name, "model.json" | "tokenizer.json"),
	}
}

//! Files that are sent as they are: a page in a folder, and the parts of the model.
#![allow(clippy::unwrap_used)]

mod support;

use blyan_open_model::directory::PartRecord;
use serde_json::Value;
use std::{fs, path::Path};
use support::{Wanted, World};
use tempfile::TempDir;

/// A folder with a page, and beside it a file that is none of the page's.
fn folder() -> TempDir {
	let folder = tempfile::tempdir().unwrap();
	fs::create_dir_all(folder.path().join("page/assets")).unwrap();
	fs::write(folder.path().join("secret"), "secret").unwrap();
	fs::write(folder.path().join("page/index.html"), "<!doctype html><p>page").unwrap();
	fs::write(folder.path().join("page/assets/check.wasm"), b"\0asm").unwrap();
	folder
}

async fn world(folder: &Path) -> World {
	World::with(Wanted { page: Some(folder.join("page")), ..Wanted::default() }).await
}

fn code(response: &support::Response) -> Value {
	response.json::<Value>()["error"]["code"].take()
}

#[tokio::test]
async fn the_page_in_a_folder_is_served_with_a_policy_that_lets_it_run_webassembly_and_reach_a_node() {
	let folder = folder();
	let world = world(folder.path()).await;
	let page = world.get("/").await;
	assert_eq!((page.status().as_u16(), page.text().as_str()), (200, "<!doctype html><p>page"));
	assert_eq!(page.headers()["content-type"], "text/html");
	let policy = page.headers()["content-security-policy"].to_str().unwrap();
	assert!(policy.contains("script-src 'self' 'wasm-unsafe-eval'"), "{policy}");
	assert!(policy.contains("connect-src 'self' ws: wss:") && !policy.contains("unsafe-inline"), "{policy}");
	assert_eq!(page.headers()["x-content-type-options"], "nosniff");
	assert_eq!(page.headers()["x-frame-options"], "DENY");
	let module = world.get("/assets/check.wasm").await;
	assert_eq!((module.status().as_u16(), module.text().as_str()), (200, "\0asm"));
	assert_eq!(module.headers()["content-type"], "application/wasm");
	let models = world.get("/v1/models").await;
	assert_eq!(models.headers()["content-security-policy"], "default-src 'none'; frame-ancestors 'none'");
}

#[tokio::test]
async fn no_name_leads_out_of_the_folder_of_the_page() {
	let folder = folder();
	let world = world(folder.path()).await;
	for path in ["/../secret", "/%2e%2e/secret", "/assets/..%2f..%2fsecret", "/assets/none.js", "/v1/none"] {
		let response = world.get(path).await;
		assert_eq!(response.status(), 404, "{path}");
		assert_eq!(code(&response), "unknown_url", "{path}");
	}
	let response = world.post("/assets/check.wasm", &Value::Null).await;
	assert_eq!((response.status().as_u16(), code(&response)), (404, "unknown_url".into()));
}

#[tokio::test]
async fn the_page_that_is_built_in_is_served_where_no_folder_is_named() {
	let world = World::new().await;
	let page = world.get("/").await;
	assert!(page.text().contains("<h1 id=\"model\">"));
	let policy = page.headers()["content-security-policy"].to_str().unwrap();
	assert!(policy.contains("script-src 'sha256-"), "{policy}");
	assert_eq!(world.get("/index.html").await.status(), 404);
}

#[tokio::test]
async fn the_files_of_a_model_are_handed_out_by_the_names_in_its_manifest_and_no_others() {
	let folder = tempfile::tempdir().unwrap();
	fs::create_dir_all(folder.path().join("parts")).unwrap();
	for (name, text) in [
		("model.json", "{}"),
		("parts/head.tblk", "0123456789"),
		("parts/other.tblk", "x"),
		("key.seed", "x"),
	] {
		fs::write(folder.path().join(name), text).unwrap();
	}
	let part = |name: &str| PartRecord { name: name.into(), bytes: 10, root: String::new() };
	let wanted = Wanted {
		model_files: Some(folder.path().into()),
		parts: vec![part("head"), part("../key")],
		..Wanted::default()
	};
	let world = World::with(wanted).await;
	let root = format!("0x{}", "ab".repeat(32));
	for id in [support::MODEL, root.as_str()] {
		let url = |name: &str| format!("/v1/models/{id}/files/{name}");
		assert_eq!(world.get(&url("model.json")).await.text(), "{}");
		assert_eq!(world.get(&url("parts/head.tblk")).await.text(), "0123456789");
		let some = world.get_with(&url("parts/head.tblk"), &[("range", "bytes=2-4")]).await;
		assert_eq!((some.status().as_u16(), some.text().as_str()), (206, "234"));
		for name in ["parts/other.tblk", "key.seed", "parts/../key.seed", "parts/../key.tblk", "", "parts/"] {
			let response = world.get(&url(name)).await;
			assert_eq!(response.status(), 404, "{name}");
		}
	}
	let other = world.get("/v1/models/other/files/model.json").await;
	assert_eq!((other.status().as_u16(), code(&other)), (404, "model_not_found".into()));
	let stranger = [("sec-fetch-site", "cross-site")];
	assert_eq!(world.get_with("/v1/models/tiny/files/model.json", &stranger).await.status(), 403);
}

#[tokio::test]
async fn files_are_not_handed_out_unless_the_operator_says_so() {
	let response = World::new().await.get("/v1/models/tiny/files/model.json").await;
	assert_eq!((response.status().as_u16(), code(&response)), (404, "files_not_shared".into()));
}

#[tokio::test]
async fn a_page_in_a_folder_may_show_the_tasks_of_a_service_and_of_no_other() {
	let folder = folder();
	let world = |sources| {
		World::with(Wanted {
			page: Some(folder.path().join("page")),
			page_sources: Some(sources),
			..Wanted::default()
		})
	};
	let policy = async |sources| {
		let page = world(sources).await.get("/").await;
		page.headers()["content-security-policy"].to_str().unwrap().to_owned()
	};
	let with = policy("https://captcha.example").await;
	for part in [
		"script-src 'self' 'wasm-unsafe-eval' https://captcha.example;",
		"frame-src https://captcha.example;",
		"form-action 'none'",
	] {
		assert!(with.contains(part), "{with}");
	}
	// What would add a rule of its own changes nothing.
	assert!(!policy("https://a; script-src *").await.contains("https://a"));
}

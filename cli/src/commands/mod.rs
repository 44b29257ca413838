//! One file a command.

pub mod account;
pub mod audit;
pub mod block;
pub mod chat;
pub mod dataset;
pub mod dataset_job;
pub mod keys;
pub mod lists;
pub mod local_chat;
pub mod mine;
pub mod model;
pub mod network;
pub mod operator;
pub mod report_copy;
pub mod serve;
pub mod status;
pub mod submit;
pub mod train;
pub mod upload;
pub mod withdraw;

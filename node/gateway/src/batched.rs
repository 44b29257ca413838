//! Engine of continuous batching: a thread steps a [`Server`], and tasks wait for its events.
//!
//! It is [`blyan_open_model::serve::Service`] for callers that must not block: replies and events go through channels that
//! tasks can wait on.

use crate::engine::{Engine, Event, Generation, Job, Load, ServeError};
use blyan_open_model::{
	serve::{ConversationId, Limits, Metrics, Request, Server, BLOCK_POSITIONS},
	text::Tokenizer,
	Runner,
};
use blyan_text::TokenId;
use futures::{future::BoxFuture, FutureExt};
use std::{
	collections::HashMap,
	sync::{mpsc, Arc, Mutex, PoisonError},
	thread::{Builder, JoinHandle},
};
use tokio::sync::{mpsc as events, oneshot};

/// Engine whose conversations share each pass through the weights.
pub struct Batched {
	orders: mpsc::Sender<Order>,
	metrics: Arc<Mutex<Metrics>>,
	tokenizer: Arc<Tokenizer>,
	ends: Vec<TokenId>,
	context: usize,
	thread: JoinHandle<()>,
}

/// Order to the thread.
enum Order {
	Submit(Box<Request>, events::UnboundedSender<Event>, oneshot::Sender<Result<ConversationId, ServeError>>),
	Cancel(ConversationId),
}

impl Batched {
	/// Starts the thread. `ends`: tokens that end an answer.
	///
	/// # Errors
	/// Those of [`Server::new`], and [`ServeError::Thread`].
	pub fn start(
		runner: Runner,
		tokenizer: Arc<Tokenizer>,
		ends: Vec<TokenId>,
		limits: Limits,
	) -> Result<Self, ServeError> {
		let context = runner.weights().shape.context;
		let server = Server::new(runner, limits)?;
		let metrics = Arc::new(Mutex::new(server.metrics()));
		let (orders, inbox) = mpsc::channel();
		let worker = Worker { server, inbox, listeners: HashMap::new(), metrics: metrics.clone() };
		let thread = Builder::new().name("generation".into()).spawn(move || worker.run());
		let thread = thread.map_err(|error| ServeError::Thread(error.to_string()))?;
		Ok(Self { orders, metrics, tokenizer, ends, context, thread })
	}

	/// Returns the positions of the longest conversation that there is memory for: the model's context or fewer.
	pub fn capacity(&self) -> usize {
		self.context.min(self.metrics().blocks_max.saturating_mul(BLOCK_POSITIONS))
	}

	/// Returns the counters as they were behind the last step.
	fn metrics(&self) -> Metrics {
		self.metrics.lock().unwrap_or_else(PoisonError::into_inner).clone()
	}
}

impl Engine for Batched {
	fn submit(&self, job: Job) -> BoxFuture<'static, Result<Generation, ServeError>> {
		let Job { prompt, settings, scores } = job;
		let request = Request {
			prompt,
			settings,
			ends: self.ends.clone(),
			tokenizer: Some(self.tokenizer.clone()),
			scores,
		};
		let (listener, events) = events::unbounded_channel();
		let (reply, replied) = oneshot::channel();
		let orders = self.orders.clone();
		let sent = orders.send(Order::Submit(Box::new(request), listener, reply));
		let sent = sent.map_err(|_| ServeError::Stopped);
		async move {
			sent?;
			let id = replied.await.map_err(|_| ServeError::Stopped)??;
			// A thread that has ended has no conversation either.
			let cancel = move || drop(orders.send(Order::Cancel(id)));
			Ok(Generation::new(events, cancel))
		}
		.boxed()
	}

	fn load(&self) -> Load {
		let metrics = self.metrics();
		Load { active: metrics.active, waiting: metrics.waiting, memory_bytes: metrics.kv_bytes() }
	}

	fn is_running(&self) -> bool {
		!self.thread.is_finished()
	}
}

/// The thread. It ends when no order can come any more and all answers are written.
struct Worker {
	server: Server,
	inbox: mpsc::Receiver<Order>,
	listeners: HashMap<ConversationId, events::UnboundedSender<Event>>,
	metrics: Arc<Mutex<Metrics>>,
}

impl Worker {
	fn run(mut self) {
		loop {
			if self.server.is_idle() {
				match self.inbox.recv() {
					Ok(order) => self.obey(order),
					Err(mpsc::RecvError) => return,
				}
			}
			while let Ok(order) = self.inbox.try_recv() {
				self.obey(order);
			}
			if !self.step() {
				return;
			}
		}
	}

	fn obey(&mut self, order: Order) {
		match order {
			Order::Submit(request, listener, reply) => {
				let taken = self.server.submit(*request);
				if let Ok(id) = &taken {
					self.listeners.insert(*id, listener);
				}
				// The caller may have gone meanwhile.
				if let Err(Ok(id)) = reply.send(taken) {
					self.cancel(id);
				}
			}
			Order::Cancel(id) => self.cancel(id),
		}
		self.publish();
	}

	fn cancel(&mut self, id: ConversationId) {
		let listeners = &mut self.listeners;
		self.server.cancel(id, &mut |id, event| {
			deliver(listeners, id, event);
		});
	}

	/// Advances all conversations; returns whether to go on.
	fn step(&mut self) -> bool {
		// A caller may leave before it knows the number of its conversation, and one that waits has no event to be missed.
		let gone = self.listeners.iter().filter(|(_, listener)| listener.is_closed());
		let gone: Vec<ConversationId> = gone.map(|(id, _)| *id).collect();
		gone.into_iter().for_each(|id| self.cancel(id));
		let mut unheard = Vec::new();
		let listeners = &mut self.listeners;
		let stepped = self.server.step(&mut |id, event| {
			if !deliver(listeners, id, event) {
				unheard.push(id);
			}
		});
		if let Err(error) = stepped {
			tracing::error!("the engine cannot go on: {error}");
			self.listeners.values().for_each(|listener| drop(listener.send(Event::Failed(error.clone()))));
			return false;
		}
		unheard.into_iter().for_each(|id| self.cancel(id));
		self.publish();
		true
	}

	fn publish(&self) {
		*self.metrics.lock().unwrap_or_else(PoisonError::into_inner) = self.server.metrics();
	}
}

/// Hands an event over; returns whether it was taken. Listeners of answers that are over are forgotten.
fn deliver(
	listeners: &mut HashMap<ConversationId, events::UnboundedSender<Event>>,
	id: ConversationId,
	event: Event,
) -> bool {
	let is_last = matches!(event, Event::Ended(_));
	let is_taken = listeners.get(&id).is_some_and(|listener| listener.send(event).is_ok());
	if is_last {
		listeners.remove(&id);
	}
	is_taken
}

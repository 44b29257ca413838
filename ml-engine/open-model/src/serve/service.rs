//! A server on a thread of its own.

use super::{ConversationId, Event, Limits, Metrics, Request, ServeError, Server};
use crate::run::Runner;
use std::{
	collections::HashMap,
	sync::{
		mpsc::{channel, Receiver, Sender},
		Arc, Mutex, PoisonError,
	},
	thread::JoinHandle,
};

/// Order to the thread of a service.
enum Order {
	Submit(Box<Request>, Sender<Event>, Sender<Result<ConversationId, ServeError>>),
	Cancel(ConversationId),
	Stop,
}

/// A [`Server`] that runs until it is dropped. Then its conversations are cancelled.
pub struct Service {
	handle: Handle,
	thread: Option<JoinHandle<()>>,
}

impl Service {
	/// Starts a service.
	///
	/// # Errors
	/// Those of [`Server::new`], and [`ServeError::Thread`].
	pub fn start(runner: Runner, limits: Limits) -> Result<Self, ServeError> {
		let server = Server::new(runner, limits)?;
		let metrics = Arc::new(Mutex::new(server.metrics()));
		let (orders, inbox) = channel();
		let worker = Worker { server, inbox, listeners: HashMap::new(), metrics: metrics.clone() };
		let thread = std::thread::Builder::new().name("serve".into()).spawn(move || worker.run());
		let thread = Some(thread.map_err(|error| ServeError::Thread(error.to_string()))?);
		Ok(Self { handle: Handle { orders, metrics }, thread })
	}

	/// Returns a handle for another thread.
	pub fn handle(&self) -> Handle {
		self.handle.clone()
	}

	/// Asks a question; see [`Handle::submit`].
	pub fn submit(&self, request: Request) -> Result<Ticket, ServeError> {
		self.handle.submit(request)
	}

	/// Returns the counters as they were behind the last step.
	pub fn metrics(&self) -> Metrics {
		self.handle.metrics()
	}
}

impl Drop for Service {
	fn drop(&mut self) {
		// A thread that has ended takes no orders, which is what is wanted.
		drop(self.handle.orders.send(Order::Stop));
		if let Some(thread) = self.thread.take() {
			drop(thread.join());
		}
	}
}

/// Access to a service from any thread.
#[derive(Clone)]
pub struct Handle {
	orders: Sender<Order>,
	metrics: Arc<Mutex<Metrics>>,
}

impl Handle {
	/// Asks a question. The answer comes through the ticket.
	///
	/// # Errors
	/// Those of [`Server::submit`]; [`ServeError::Stopped`] if the service has ended.
	pub fn submit(&self, request: Request) -> Result<Ticket, ServeError> {
		let ((listener, events), (reply, replies)) = (channel(), channel());
		let order = Order::Submit(Box::new(request), listener, reply);
		self.orders.send(order).map_err(|_| ServeError::Stopped)?;
		let id = replies.recv().map_err(|_| ServeError::Stopped)??;
		Ok(Ticket { id, events, orders: self.orders.clone() })
	}

	/// Returns the counters as they were behind the last step.
	pub fn metrics(&self) -> Metrics {
		self.metrics.lock().unwrap_or_else(PoisonError::into_inner).clone()
	}
}

/// An answer that is being written: an iterator over its events. Dropped, it cancels the conversation.
pub struct Ticket {
	id: ConversationId,
	events: Receiver<Event>,
	orders: Sender<Order>,
}

impl Ticket {
	/// Returns the number of the conversation.
	pub fn id(&self) -> ConversationId {
		self.id
	}

	/// Asks to end the answer; the events end with it as far as it is.
	pub fn cancel(&self) {
		// A service that has ended has no conversation either.
		drop(self.orders.send(Order::Cancel(self.id)));
	}
}

impl Iterator for Ticket {
	type Item = Event;

	/// Waits for the next event. `None` behind the last one, and if the service has ended.
	fn next(&mut self) -> Option<Event> {
		self.events.recv().ok()
	}
}

impl Drop for Ticket {
	fn drop(&mut self) {
		self.cancel();
	}
}

/// State of the thread.
struct Worker {
	server: Server,
	inbox: Receiver<Order>,
	listeners: HashMap<ConversationId, Sender<Event>>,
	metrics: Arc<Mutex<Metrics>>,
}

impl Worker {
	/// Serves until it is told to stop, or no order can come any more and all answers are written.
	fn run(mut self) {
		loop {
			if self.server.is_idle() {
				let Ok(order) = self.inbox.recv() else { return };
				if !self.obey(order) {
					return;
				}
			}
			while let Ok(order) = self.inbox.try_recv() {
				if !self.obey(order) {
					return;
				}
			}
			if !self.step() {
				return;
			}
		}
	}

	/// Follows an order; returns whether to go on.
	fn obey(&mut self, order: Order) -> bool {
		match order {
			Order::Submit(request, listener, reply) => {
				let taken = self.server.submit(*request);
				if let Ok(id) = &taken {
					self.listeners.insert(*id, listener);
				}
				if let Err(unheard) = reply.send(taken) {
					// The caller's thread has ended meanwhile.
					unheard.0.into_iter().for_each(|id| self.cancel(id));
				}
			}
			Order::Cancel(id) => self.cancel(id),
			Order::Stop => {
				self.server.conversations().into_iter().for_each(|id| self.cancel(id));
				self.publish();
				return false;
			}
		}
		self.publish();
		true
	}

	fn cancel(&mut self, id: ConversationId) {
		let listeners = &mut self.listeners;
		self.server.cancel(id, &mut |id, event| {
			deliver(listeners, id, event);
		});
	}

	/// Advances all conversations; returns whether to go on.
	fn step(&mut self) -> bool {
		let mut unheard = Vec::new();
		let listeners = &mut self.listeners;
		let stepped = self.server.step(&mut |id, event| {
			if !deliver(listeners, id, event) {
				unheard.push(id);
			}
		});
		if let Err(error) = stepped {
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
fn deliver(listeners: &mut HashMap<ConversationId, Sender<Event>>, id: ConversationId, event: Event) -> bool {
	let is_last = matches!(event, Event::Ended(_));
	let is_taken = listeners.get(&id).is_some_and(|listener| listener.send(event).is_ok());
	if is_last {
		listeners.remove(&id);
	}
	is_taken
}

//! The map of an application: complete, the same each time, and right in each of its forms.

mod cli;
mod content;
mod forms;
mod hostile_names;
mod modules;
mod shop;

mod any_file;
mod conditions;
mod lanes;
mod layouts;
mod reloads;

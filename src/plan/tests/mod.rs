mod any_file;
mod app_sources;
mod conditions;
mod lanes;
mod layouts;
mod reloads;

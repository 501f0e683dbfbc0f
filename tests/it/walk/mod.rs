//! What the products of the sets do, line by line: each test carries the line of the product's page in its name.

mod demos;
mod imports;
mod lines;
mod operating;
mod pages;
mod sign_in;
mod smvue;
mod switches;
mod told;

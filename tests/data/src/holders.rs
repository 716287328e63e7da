// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//! Strings, slices, containers and enums of Rust, for tests/debugger/holders.expect.
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::rc::Rc;

pub struct Node {
    pub value: i32,
    pub name: &'static str,
    pub next: Option<Box<Node>>,
}

pub enum Shape {
    Circle(f32),
    Rect { w: f32, h: f32 },
    Empty,
}

static GREETING: &str = "hello";

#[inline(never)]
fn sum(node: &Node, text: &str, numbers: &[i16]) -> i64 {
    let first = &numbers[1..];
    let total = first.iter().map(|n| *n as i64).sum::<i64>() + node.value as i64;
    total + text.len() as i64 // BREAK: sum */
}

#[inline(never)]
fn work(seed: i32) -> i64 {
    let tail = Box::new(Node { value: seed + 1, name: "tail", next: None });
    let head = Node { value: seed, name: "head", next: Some(tail) };
    let owned = String::from("owned text");
    let empty = "";
    let items: Vec<i32> = vec![4, 5, 6];
    let names: Vec<&str> = vec!["one", "two"];
    let boxed: Box<i32> = Box::new(77);
    let some: Option<i32> = Some(9);
    let none: Option<i32> = None;
    let niche: Option<&i32> = Some(&items[1]);
    let shapes = [Shape::Circle(1.5), Shape::Rect { w: 2.0, h: 3.0 }, Shape::Empty];
    let shared = Rc::new(11);
    let mut queue: VecDeque<i32> = VecDeque::new();
    let mut tree: BTreeMap<i32, i32> = BTreeMap::new();
    let mut map: HashMap<i32, i32> = HashMap::new();
    queue.push_back(21);
    queue.push_back(22);
    tree.insert(1, 10);
    tree.insert(2, 20);
    map.insert(3, 30);
    let numbers: [i16; 3] = [7, 8, 9];
    let t = sum(&head, &owned, &numbers);
    let area = match &shapes[1] {
        Shape::Circle(r) => *r,
        Shape::Rect { w, h } => w * h,
        Shape::Empty => 0.0,
    };
    t + area as i64 + empty.len() as i64 + names.len() as i64 + *boxed as i64 + *shared
        + some.unwrap_or(0) as i64 + none.unwrap_or(0) as i64 + *niche.unwrap() as i64
        + queue.len() as i64 + tree.len() as i64 + map.len() as i64 + GREETING.len() as i64 // BREAK: work */
}

fn main() {
    std::process::exit((work(std::env::args().count() as i32 + 1) == 0) as i32);
}

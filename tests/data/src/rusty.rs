// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//! Rust for the debugger tests; see calc.c for the markers.
#![allow(dead_code)]

#[derive(Clone, Copy, PartialEq)]
enum Color {
    Red = 1,
    Green = 5,
}

enum Shape {
    Circle(f32),
    Rect { w: i32, h: i32 },
    Empty,
}

enum List {
    Cons(i32, Box<List>),
    Nil,
}

struct Node {
    value: i32,
    next: Option<Box<Node>>,
    color: Color,
}

struct Pair<A, B> {
    first: A,
    second: B,
}

union Word {
    u: u32,
    f: f32,
}

trait Area {
    fn area(&self) -> i32;
}

impl Area for Shape {
    #[inline(never)]
    fn area(&self) -> i32 {
        match self {
            Shape::Circle(r) => (r * r * 3.0) as i32, /* BREAK: circle */
            Shape::Rect { w, h } => w * h,            /* BREAK: rect */
            Shape::Empty => 0,
        }
    }
}

impl Node {
    #[inline(never)]
    fn sum(&self) -> i32 {
        let mut total = self.value; /* BREAK: sum */
        if let Some(n) = &self.next {
            total += n.sum();
        }
        total
    }
}

static TABLE: [i16; 4] = [11, 22, 33, 44];
static mut COUNTER: u32 = 7;

#[inline(never)]
fn slices(text: &str, numbers: &[i32], plain: &Shape, none: Option<&Node>, some: Option<&Node>) -> i32 {
    let first = &numbers[1]; /* BREAK: slices */
    let mut n = *first + text.len() as i32 + plain.area();
    if none.is_none() {
        n += some.map_or(0, |s| s.value);
    }
    n
}

#[inline(never)]
fn change(pair: &mut Pair<u8, f64>, out: &mut i32, list: &List) {
    pair.first += 1; /* BREAK: change */
    *out += pair.second as i32;
    if let List::Cons(n, _) = list {
        *out += n; /* BREAK: changed */
    }
}

fn main() {
    let tail = Node { value: 3, next: None, color: Color::Red };
    let mid = Node { value: 2, next: Some(Box::new(tail)), color: Color::Green };
    let head = Node { value: 1, next: Some(Box::new(mid)), color: Color::Red };
    let boxed: Box<Pair<u8, f64>> = Box::new(Pair { first: 9, second: 0.25 });
    let vector = vec![5, 6, 7];
    let string = String::from("a string");
    let shape = Shape::Rect { w: 3, h: 4 };
    let round = Shape::Circle(2.0);
    let word = Word { u: 0x40490fdb };
    let reference = &head;
    let raw: *const Node = &head;
    let list = List::Cons(4, Box::new(List::Nil));
    let tuple = (1u8, -2i64, &shape);
    let mut pair = Pair { first: 200u8, second: 2.5 };
    let mut out = 10;

    out += slices("text", &vector, &shape, None, Some(reference)); /* BREAK: main */
    change(&mut pair, &mut out, &list);
    out += head.sum() + round.area() + (unsafe { word.u } >> 24) as i32; /* BREAK: main2 */
    out += unsafe { (*raw).value } + boxed.first as i32 + tuple.0 as i32 + string.len() as i32;
    out += TABLE[2] as i32 + unsafe { COUNTER } as i32;
    std::process::exit((out == 0) as i32 + Shape::Empty.area() + (Color::Green as i32 - 5));
}

/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Containers of libc++, for tests/debugger/stl.expect. */
#include <map>
#include <memory>
#include <string>
#include <vector>

struct item {
	int id;
	std::string name;
	std::unique_ptr<item> next;
};

int sink;

__attribute__((noinline)) static int work(const std::vector<int> &numbers, const std::string &text,
					  const item *first)
{
	sink = numbers[0] + (int)text.size() + first->id; /* BREAK: work */
	return sink;
}

int main()
{
	std::string brief = "short", long_one = "a text that is too long for the object itself";
	std::vector<int> numbers = {4, 5, 6}, none;
	std::vector<std::string> names = {"one", "two"};
	std::map<int, int> squares = {{1, 1}, {2, 4}, {3, 9}};
	auto tail = std::make_unique<item>(item{2, "tail", nullptr});
	auto head = std::make_unique<item>(item{1, "head", std::move(tail)});
	std::shared_ptr<int> shared = std::make_shared<int>(7);

	sink = work(numbers, long_one, head.get());
	return sink + (int)(brief.size() + none.size() + names.size() + squares.size()) + *shared == 0;
}

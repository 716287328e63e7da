/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Containers of libc++, for tests/debugger/stl.expect. */
#include <array>
#include <deque>
#include <forward_list>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <variant>
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

/* Those that are rarer. */
__attribute__((noinline)) static int others(std::string_view view, const std::list<int> &linked)
{
	std::set<std::string> words = {"b", "a"};
	std::multimap<int, std::string> many = {{1, "x"}, {1, "y"}};
	std::list<std::string> lines = {"first", "last"}, nothing;
	std::forward_list<int> chain = {7, 8};
	std::unordered_map<std::string, int> ages = {{"joe", 30}};
	std::unordered_set<int> numbers = {5};
	std::deque<int> queue;
	std::queue<int> waiting({4, 3});
	std::optional<std::string> maybe = "yes", no;
	std::optional<int> number = 6;
	std::array<std::string, 2> pair = {"l", "r"};
	std::tuple<int, std::string, double> three = {1, "two", 3.5};
	std::pair<std::string, int> entry = {"key", 9};
	std::variant<int, std::string> either = "text";
	std::vector<bool> bits = {true, false, true};
	std::weak_ptr<int> weak;
	std::unique_ptr<int[]> block(new int[2]);

	for (int i = 0; i < 1500; i++)
		queue.push_back(i);
	for (int i = 0; i < 1497; i++)
		queue.pop_front();
	sink = (int)(words.size() + many.size() + lines.size() + nothing.size() + *chain.begin() +
		     ages.size() + numbers.size() + queue.size() + waiting.size() + maybe->size() +
		     no.has_value() + *number + pair[0].size() + std::get<0>(three) + entry.second +
		     either.index() + bits.size() + weak.expired() + view.size() +
		     linked.size()); /* BREAK: others */
	return block[0] = sink;
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
	sink += others("a view", {1, 2, 3});
	return sink + (int)(brief.size() + none.size() + names.size() + squares.size()) + *shared ==
	       0;
}

// What most tests of pools do: take many pages, do something on another thread, balance the books.
#pragma once

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "netmem/pool/page_pool.h"

namespace netmem {

inline void on_another_thread(auto work) { std::thread(work).join(); }

inline std::vector<Netmem> take(PagePool& pool, std::size_t count) {
  std::vector<Netmem> pages(count);
  pages.resize(pool.try_alloc(pages));
  return pages;
}

inline void expect_balanced(const PagePool& pool) {
  const auto books = pool.audit();
  EXPECT_TRUE(books) << books.error().message();
}

}  // namespace netmem

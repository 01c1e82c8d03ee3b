#include "netmem/base/shared_library.h"

#include <dlfcn.h>

#include <utility>

namespace netmem {

Result<SharedLibrary> SharedLibrary::open(const std::string& name, const char* advice) {
  void* handle = ::dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle != nullptr) return SharedLibrary(name, handle);
  std::string why = ::dlerror();  // "NAME: cannot open shared object file: ..."
  if (why.starts_with(name + ": ")) why.erase(0, name.size() + 2);
  return refused("load " + name, std::move(why), advice);
}

void* SharedLibrary::address(const char* symbol) const { return ::dlsym(handle_, symbol); }

}  // namespace netmem

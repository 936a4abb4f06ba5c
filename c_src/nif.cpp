// SPDX-License-Identifier: Apache-2.0
//
// The NIF shell: the core's operations and its diff for src/barnacle_nif.erl, which says what the
// functions take and give. Only the files nif*.cpp and nif*.hpp know the VM
// (https://www.erlang.org/doc/man/erl_nif.html).
#include <algorithm>
#include <array>
#include <atomic>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <utility>

#include <erl_nif.h>

#include "barnacle_core.hpp"
#include "nif_diff.hpp"
#include "nif_operation.hpp"
#include "nif_terms.hpp"

namespace barnacle {
namespace {

// What barnacle_nif.erl hands over at load; another number when the two no longer fit each other.
constexpr int abi_number = 3;

// Why a load fails. barnacle_nif.erl has words for them.
constexpr int load_wrong_abi = 1;
constexpr int load_no_memory = 2;
constexpr int load_no_resource_type = 3;
constexpr int load_no_descriptors = 4;

// The private data of a loaded library. Made by the scheduler that loads it, and read by all: the
// VM lets none of them see it too early, by means that ThreadSanitizer doesn't know, while the
// atomic pointer, which is set last and read first, says so to everybody.
struct Library {
    std::atomic<ErlNifResourceType*> operation_type{nullptr};
    OperationResource::LiveCount live_operations{0};
};

Library& library_of(ErlNifEnv* env) {
    return *static_cast<Library*>(enif_priv_data(env));
}

// The arguments are a request, and a resource that waits for its operation.
ERL_NIF_TERM open_dirty(ErlNifEnv* env, const ERL_NIF_TERM argv[]) {
    ErlNifBinary request;
    void* object = nullptr;
    if (enif_inspect_binary(env, argv[0], &request) == 0 ||
        enif_get_resource(env, argv[1], library_of(env).operation_type, &object) == 0) {
        return enif_make_badarg(env);
    }
    auto operation = Operation::open({request.data, request.size});
    if (!operation) {
        return error(env, enif_make_tuple2(env, atom(env, "posix"), atom(env, "enomem")));
    }
    static_cast<OperationResource*>(object)->begin(env, std::move(operation));
    return enif_make_tuple2(env, atom(env, "ok"), argv[1]);
}

// Calls `function` with the resource in a term, if that is an operation of the calling process. One
// of a library that was loaded before this one, and with other code, is `foreign`.
template <typename Function>
ERL_NIF_TERM with_own(ErlNifEnv* env, ERL_NIF_TERM term, ERL_NIF_TERM foreign, Function function) {
    void* object = nullptr;
    if (enif_get_resource(env, term, library_of(env).operation_type, &object) == 0) {
        return enif_is_ref(env, term) == 0 ? enif_make_badarg(env) : foreign;
    }
    auto& resource = *static_cast<OperationResource*>(object);
    return resource.is_owner(env) ? function(resource) : error(env, atom(env, "not_owner"));
}

ERL_NIF_TERM step_dirty(ErlNifEnv* env, const ERL_NIF_TERM argv[]) {
    return with_own(env, argv[0], error(env, atom(env, "closed")),
                    [env](OperationResource& own) { return own.step(env); });
}

ERL_NIF_TERM close_now(ErlNifEnv* env, const ERL_NIF_TERM argv[]) {
    const ERL_NIF_TERM ok = atom(env, "ok");
    return with_own(env, argv[0], ok, [env, ok](OperationResource& own) {
        own.close(env);
        return ok;
    });
}

ERL_NIF_TERM info(ErlNifEnv* env, const ERL_NIF_TERM /*argv*/[]) {
    const LibraryVersions versions = library_versions();
    const auto text = [env](const std::string& value) {
        return binary(env, {reinterpret_cast<const std::uint8_t*>(value.data()), value.size()});
    };
    std::array keys{atom(env, "operations"), atom(env, "abi"), atom(env, "cares"),
                    atom(env, "libuv")};
    std::array values{enif_make_long(env, library_of(env).live_operations),
                      enif_make_int(env, abi_number), text(versions.cares), text(versions.libuv)};
    ERL_NIF_TERM map = 0;
    enif_make_map_from_arrays(env, keys.data(), values.data(), keys.size(), &map);
    return map;
}

// What a NIF throws becomes an Erlang error.
template <ERL_NIF_TERM (*function)(ErlNifEnv*, const ERL_NIF_TERM[])>
ERL_NIF_TERM guarded(ErlNifEnv* env, int /*argc*/, const ERL_NIF_TERM argv[]) noexcept {
    try {
        return function(env, argv);
    } catch (const std::bad_alloc&) {
        return enif_raise_exception(env, atom(env, "enomem"));
    } catch (const std::exception&) {
        return enif_raise_exception(env, atom(env, "internal"));
    }
}

// Opening reads files. But the VM's memory comes from the caller's scheduler: what a dirty one has
// taken and another gives back, costs the VM a message to a thread of its own each time.
ERL_NIF_TERM open(ErlNifEnv* env, const ERL_NIF_TERM argv[]) {
    ErlNifPid self;
    if (enif_is_binary(env, argv[0]) == 0 || enif_is_ref(env, argv[1]) == 0 ||
        enif_self(env, &self) == nullptr) {
        return enif_make_badarg(env);
    }
    Library& library = library_of(env);
    const std::array arguments{
        argv[0], OperationResource::make(env, library.operation_type, library.live_operations, self,
                                         argv[1])};
    return enif_schedule_nif(env, "open", ERL_NIF_DIRTY_JOB_IO_BOUND, guarded<open_dirty>, 2,
                             arguments.data());
}

template <ERL_NIF_TERM (*function)(ErlNifEnv*, const ERL_NIF_TERM[])>
ERL_NIF_TERM go_dirty(ErlNifEnv* env, const char* name, const ERL_NIF_TERM argv[]) {
    return enif_schedule_nif(env, name, ERL_NIF_DIRTY_JOB_IO_BOUND, guarded<function>, 1, argv);
}

// Tells the VM of the time that the caller's scheduler spent, as its slices are a millisecond each.
class Spent {
 public:
    explicit Spent(ErlNifEnv* env) noexcept : env_(env) {}
    ~Spent() {
        const ErlNifTime percent = (enif_monotonic_time(ERL_NIF_USEC) - begin_) / 10;
        enif_consume_timeslice(env_, static_cast<int>(std::clamp<ErlNifTime>(percent, 1, 100)));
    }
    Spent(const Spent&) = delete;
    Spent& operator=(const Spent&) = delete;

 private:
    ErlNifEnv* env_;
    ErlNifTime begin_ = enif_monotonic_time(ERL_NIF_USEC);
};

// A brief step runs where the caller does: the way to a dirty scheduler and back takes more time
// than that, and is longer where those are busy.
ERL_NIF_TERM step(ErlNifEnv* env, const ERL_NIF_TERM argv[]) {
    return with_own(env, argv[0], error(env, atom(env, "closed")), [=](OperationResource& own) {
        if (own.is_brief()) {
            const Spent spent(env);
            if (const auto result = own.brief_step(env)) {
                return *result;
            }
        }
        return go_dirty<step_dirty>(env, "step", argv);
    });
}

ERL_NIF_TERM close(ErlNifEnv* env, const ERL_NIF_TERM argv[]) {
    return with_own(env, argv[0], atom(env, "ok"), [=](OperationResource& own) {
        return own.is_brief() ? close_now(env, argv) : go_dirty<close_now>(env, "close", argv);
    });
}

ERL_NIF_TERM diff(ErlNifEnv* env, const ERL_NIF_TERM argv[]) {
    if (is_long_diff(env, argv)) {
        return enif_schedule_nif(env, "diff", ERL_NIF_DIRTY_JOB_CPU_BOUND, guarded<diff_terms>, 3,
                                 argv);
    }
    return diff_terms(env, argv);
}

int load(ErlNifEnv* env, void** priv_data, ERL_NIF_TERM load_info) {
    int abi = 0;
    if (enif_get_int(env, load_info, &abi) == 0 || abi != abi_number) {
        return load_wrong_abi;
    }
    try {
        if (prepare_process() != 0) {
            return load_no_descriptors;
        }
        auto library = std::make_unique<Library>();
        library->operation_type = OperationResource::open_type(env);
        if (library->operation_type == nullptr) {
            return load_no_resource_type;
        }
        *priv_data = library.release();
        return 0;
    } catch (const std::bad_alloc&) {
        return load_no_memory;
    }
}

int upgrade(ErlNifEnv* env, void** priv_data, void** /*old_priv_data*/, ERL_NIF_TERM load_info) {
    return load(env, priv_data, load_info);
}

void unload(ErlNifEnv* /*env*/, void* priv_data) {
    const std::unique_ptr<Library> library(static_cast<Library*>(priv_data));
}

// The VM wants a table that it may write to.
ErlNifFunc functions[] = {
    {"open", 2, guarded<open>, 0}, {"step", 1, guarded<step>, 0}, {"close", 1, guarded<close>, 0},
    {"diff", 3, guarded<diff>, 0}, {"info", 0, guarded<info>, 0},
};

// The macro makes the function that the VM looks for, and writes these names down unqualified.
ERL_NIF_INIT(barnacle_nif, functions, load, nullptr, upgrade, unload)

}  // namespace
}  // namespace barnacle

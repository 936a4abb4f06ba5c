// SPDX-License-Identifier: Apache-2.0
#include "nif_operation.hpp"

#include <new>
#include <string>
#include <utility>

#include "nif_terms.hpp"

namespace barnacle {
namespace {

// Bits of the state, rules 2 and 3.
constexpr unsigned busy = 1;     // somebody works on the operation
constexpr unsigned ended = 2;    // closed, done, or without an owner
constexpr unsigned stopped = 4;  // its end has been seen to

OperationResource& resource(void* object) {
    return *static_cast<OperationResource*>(object);
}

}  // namespace

ErlNifResourceType* OperationResource::open_type(ErlNifEnv* env) {
    const std::string name = "operation_" + std::to_string(enif_monotonic_time(ERL_NIF_NSEC));
    ErlNifResourceTypeInit callbacks{};
    callbacks.dtor = on_destroy;
    callbacks.stop = on_stop;
    callbacks.down = on_down;
    return enif_open_resource_type_x(env, name.c_str(), &callbacks, ERL_NIF_RT_CREATE, nullptr);
}

ERL_NIF_TERM OperationResource::make(ErlNifEnv* env, ErlNifResourceType* type, LiveCount& live,
                                     ErlNifPid owner, ERL_NIF_TERM ref) noexcept {
    void* const object = enif_alloc_resource(type, sizeof(OperationResource));
    auto* const made = new (object) OperationResource(live, owner, ref);
    if (enif_monitor_process(env, object, &made->owner_, &made->monitor_) != 0) {
        made->end(env);  // the owner has died since it called
    }
    const ERL_NIF_TERM term = enif_make_resource(env, object);
    enif_release_resource(object);
    return term;
}

OperationResource::OperationResource(LiveCount& live, ErlNifPid owner, ERL_NIF_TERM ref) noexcept
    : live_(live),
      owner_(owner),
      ref_env_(enif_alloc_env()),
      ref_(enif_make_copy(ref_env_.get(), ref)),
      state_(busy) {}

void OperationResource::begin(ErlNifEnv* env, std::unique_ptr<Operation> operation) noexcept {
    operation_ = std::move(operation);
    is_brief_ = operation_->is_brief();
    ++live_;
    release(env);
}

OperationResource::~OperationResource() {
    // Nobody else has it: the VM counts references. Taking `busy` orders what other threads did
    // before this also for those who can't see that count, such as ThreadSanitizer.
    state_.fetch_or(busy);
    destroy_operation();
}

void OperationResource::destroy_operation() noexcept {
    if (operation_) {
        operation_.reset();
        --live_;
    }
}

bool OperationResource::is_owner(ErlNifEnv* env) const noexcept {
    ErlNifPid self;
    return enif_self(env, &self) != nullptr && enif_compare_pids(&self, &owner_) == 0;
}

// Calls `function` with the operation and gives its result, or the error that there is none.
template <typename Function>
auto OperationResource::while_busy(ErlNifEnv* env, Function function) noexcept
    -> decltype(function(std::declval<Operation&>())) {
    const unsigned before = state_.fetch_or(busy);
    if ((before & busy) != 0) {
        return error(env, atom(env, "closed"));  // on_down is at it
    }
    if ((before & ended) != 0) {
        release(env);
        return error(env, atom(env, "closed"));
    }
    const auto result = function(*operation_);
    release(env);
    return result;
}

ERL_NIF_TERM OperationResource::step(ErlNifEnv* env) noexcept {
    return while_busy(env, [=, this](Operation& own) { return result_of(env, own.step()); });
}

std::optional<ERL_NIF_TERM> OperationResource::brief_step(ErlNifEnv* env) noexcept {
    return while_busy(env, [=, this](Operation& own) -> std::optional<ERL_NIF_TERM> {
        const std::optional<Step> step = own.brief_step();
        is_brief_ = own.is_brief();
        return step ? std::optional(result_of(env, *step)) : std::nullopt;
    });
}

ERL_NIF_TERM OperationResource::result_of(ErlNifEnv* env, Step step) noexcept {
    if (step.done) {
        const ERL_NIF_TERM reply = binary(env, operation_->reply());
        state_.fetch_or(ended);
        enif_demonitor_process(env, this, &monitor_);
        return enif_make_tuple2(env, atom(env, "done"), reply);
    }
    if (const auto part = operation_->part(); !part.empty()) {
        return enif_make_tuple2(env, atom(env, "part"), binary(env, part));
    }
    if (step.wait_ms != 0) {
        const int result =
            enif_select(env, operation_->fd(), ERL_NIF_SELECT_READ, this, &owner_, ref_);
        if (result < 0) {
            state_.fetch_or(ended);
            return error(env, atom(env, "select_failed"));
        }
        selected_ = true;
    }
    return enif_make_tuple2(
        env, atom(env, "wait"),
        step.wait_ms < 0 ? atom(env, "infinity") : enif_make_int(env, step.wait_ms));
}

void OperationResource::close(ErlNifEnv* env) noexcept {
    end(env);
    enif_demonitor_process(env, this, &monitor_);
}

void OperationResource::on_down(ErlNifEnv* env, void* object, ErlNifPid* /*owner*/,
                                ErlNifMonitor* /*monitor*/) {
    resource(object).end(env);
}

// Ends the operation, or leaves that to whoever works on it.
void OperationResource::end(ErlNifEnv* env) noexcept {
    if ((state_.fetch_or(busy | ended) & busy) == 0) {
        release(env);
    }
}

// Gives `busy` back. Whether the operation has ended is looked at in the same atomic step, so that
// no end goes unseen.
void OperationResource::release(ErlNifEnv* env) noexcept {
    unsigned expected = busy;
    if (state_.compare_exchange_strong(expected, 0)) {
        return;
    }
    if ((state_.fetch_or(stopped) & stopped) == 0) {
        stop(env);
    }
    state_.fetch_and(~busy);
}

void OperationResource::stop(ErlNifEnv* env) noexcept {
    // Without a selection there is nothing that a stop callback would come from. A failure says
    // that the VM doesn't know the descriptor, and so doesn't poll it.
    if (!selected_ || enif_select(env, operation_->fd(), ERL_NIF_SELECT_STOP, this, nullptr,
                                  atom(env, "undefined")) < 0) {
        destroy_operation();
    }
}

void OperationResource::on_stop(ErlNifEnv* /*env*/, void* object, ErlNifEvent /*event*/,
                                int /*is_direct_call*/) {
    resource(object).destroy_operation();
    resource(object).state_.fetch_or(stopped);
}

void OperationResource::on_destroy(ErlNifEnv* /*env*/, void* object) {
    std::destroy_at(&resource(object));
}

}  // namespace barnacle

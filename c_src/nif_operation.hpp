// SPDX-License-Identifier: Apache-2.0
//
// An operation of the core as a resource of the VM.
//
//  1. The process that opens it owns it. Only the owner steps and closes it, so of these calls no
//     two run at once. The resource monitors the owner.
//     It is busy from its making until it has been given its operation.
//  2. What can run beside them is on_down, when the owner is killed while it is in the NIF. Whoever
//     works on the operation holds the bit `busy`. on_down never waits for it: it leaves the bit
//     `ended` behind, which the holder finds when it gives `busy` back, and sees to the end then.
//  3. An operation whose descriptor was ever selected is destroyed in the stop callback that
//     ERL_NIF_SELECT_STOP leads to, and nowhere else: until then the VM may poll the descriptor.
//     One that wasn't is destroyed at its end. Once `stopped` is set only the stop callback touches
//     it.
//  4. The destructor runs when neither a process nor a selection holds the resource. An operation
//     that is left then was never selected.
//  5. The VM keeps a library loaded, and its private data, while resources of its types live. Each
//     loading therefore has a type of its own and takes none over: an operation's code is always
//     that of the library which opened it.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <utility>

#include <erl_nif.h>

#include "barnacle_core.hpp"

namespace barnacle {

class OperationResource {
 public:
    // How many operations live: opened, and not yet destroyed.
    using LiveCount = std::atomic<long>;

    // A new type for the library that is being loaded; null when the VM gives none.
    static ErlNifResourceType* open_type(ErlNifEnv* env);

    // A resource as a term, owned by `owner`, the calling process, and busy until it is given its
    // operation. {select, Term, Ref, ready_input} is what the owner gets when the operation wants a
    // step. `live` must outlive the type's resources.
    static ERL_NIF_TERM make(ErlNifEnv* env, ErlNifResourceType* type, LiveCount& live,
                             ErlNifPid owner, ERL_NIF_TERM ref) noexcept;

    // Gives the operation to the resource that make() made: called once, before all that follows.
    void begin(ErlNifEnv* env, std::unique_ptr<Operation> operation) noexcept;

    OperationResource(LiveCount& live, ErlNifPid owner, ERL_NIF_TERM ref) noexcept;  // for make
    ~OperationResource();
    OperationResource(const OperationResource&) = delete;
    OperationResource& operator=(const OperationResource&) = delete;

    // Whether the calling process is the owner.
    [[nodiscard]] bool is_owner(ErlNifEnv* env) const noexcept;

    // For the owner: whether brief_step and close take so little time that they need no dirty
    // scheduler.
    [[nodiscard]] bool is_brief() const noexcept { return is_brief_; }

    // For the owner: what barnacle_nif:step/1 and close/1 do. After a brief step that gives nothing
    // is_brief() is false, and step() is what is to be called.
    ERL_NIF_TERM step(ErlNifEnv* env) noexcept;
    std::optional<ERL_NIF_TERM> brief_step(ErlNifEnv* env) noexcept;
    void close(ErlNifEnv* env) noexcept;

 private:
    static void on_down(ErlNifEnv* env, void* object, ErlNifPid* owner, ErlNifMonitor* monitor);
    static void on_stop(ErlNifEnv* env, void* object, ErlNifEvent event, int is_direct_call);
    static void on_destroy(ErlNifEnv* env, void* object);

    template <typename Function>
    auto while_busy(ErlNifEnv* env, Function function) noexcept
        -> decltype(function(std::declval<Operation&>()));
    ERL_NIF_TERM result_of(ErlNifEnv* env, Step step) noexcept;
    void end(ErlNifEnv* env) noexcept;
    void release(ErlNifEnv* env) noexcept;
    void stop(ErlNifEnv* env) noexcept;
    void destroy_operation() noexcept;

    struct FreeEnv {
        void operator()(ErlNifEnv* env) const noexcept { enif_free_env(env); }
    };

    LiveCount& live_;
    std::unique_ptr<Operation> operation_;
    const ErlNifPid owner_;
    ErlNifMonitor monitor_{};
    std::unique_ptr<ErlNifEnv, FreeEnv> ref_env_;
    const ERL_NIF_TERM ref_;  // in ref_env_
    bool is_brief_ = false;
    bool selected_ = false;
    std::atomic<unsigned> state_;
};

}  // namespace barnacle
